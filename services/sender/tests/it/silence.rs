//! Name servers that say nothing for some names, and everybody else's look-ups.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures::future::join_all;
use posthorn_egress::EgressPolicy;
use posthorn_harness::{DnsAnswer, DnsServer};
use posthorn_sender::dns;
use posthorn_sender::resolver::{GuardedResolver, Lookup, ResolveError};

/// More than the system's own look-ups have threads.
const SILENT: usize = 600;
const HEALTHY: usize = 200;
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn healthy(number: usize) -> String {
    format!("healthy-{number}.test")
}

async fn name_server() -> (DnsServer, Lookup) {
    let server = DnsServer::start().await;
    let lookup = dns::at(server.address()).unwrap();
    (server, lookup)
}

/// How long each of the healthy names takes, one after the other, in ascending order.
async fn durations(lookup: &Lookup) -> Vec<Duration> {
    let mut all = Vec::new();
    for number in 0..HEALTHY {
        let begun = Instant::now();
        assert_eq!(lookup(healthy(number)).await.unwrap(), [ADDRESS]);
        all.push(begun.elapsed());
    }
    all.sort_unstable();
    all
}

#[tokio::test]
async fn silent_name_servers_hold_up_no_other_name() {
    let (server, lookup) = name_server().await;
    for number in 0..HEALTHY {
        server.set(&healthy(number), vec![DnsAnswer::Addresses(vec![ADDRESS])]);
    }
    for number in 0..SILENT {
        let name = format!("silent-{number}.test");
        server.set(&name, vec![DnsAnswer::Silence]);
    }
    let alone = durations(&lookup).await;
    let policy = std::sync::Arc::new(EgressPolicy::parse("192.0.2.1").unwrap());
    let guarded = GuardedResolver::new(policy, lookup.clone());
    let silent = (0..SILENT).map(|number| {
        let guarded = guarded.clone();
        async move { guarded.resolve(&format!("silent-{number}.test")).await }
    });
    let begun = Instant::now();
    let silent = async {
        let results = join_all(silent).await;
        (results, begun.elapsed())
    };
    let beside = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        (durations(&lookup).await, begun.elapsed())
    };
    let ((silent, took), (beside, found)) = tokio::join!(silent, beside);
    assert!(found < took, "nobody was silent meanwhile");
    for result in silent {
        let gave_up = matches!(result, Err(ResolveError::Timeout | ResolveError::Lookup(_)));
        assert!(gave_up, "{result:?}");
    }
    let p99 = |all: &[Duration]| all[all.len() * 99 / 100];
    println!(
        "{HEALTHY} look-ups: median {:?}, p99 {:?}; beside {SILENT} silent ones: median {:?}, p99 \
         {:?}; the silent ones given up after {took:?}",
        alone[HEALTHY / 2],
        p99(&alone),
        beside[HEALTHY / 2],
        p99(&beside),
    );
    // Behind silent ones, a look-up would take as long as they do.
    assert!(p99(&beside) < took / 2, "{beside:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn those_who_ask_for_one_name_share_a_look_up() {
    let (server, lookup) = name_server().await;
    server.set("one.test", vec![DnsAnswer::Addresses(vec![ADDRESS])]);
    let all = join_all((0..100).map(|_| lookup("one.test".to_owned()))).await;
    assert!(
        all.iter()
            .all(|found| found.as_ref().unwrap() == &[ADDRESS])
    );
    // One question for each kind of address.
    assert_eq!(server.asked("one.test"), 1);
    // Its time to live is zero: it is asked for anew.
    lookup("one.test".to_owned()).await.unwrap();
    assert_eq!(server.asked("one.test"), 2);
}

#[tokio::test]
async fn names_are_found_in_both_families_or_not_at_all() {
    let (server, lookup) = name_server().await;
    let six: IpAddr = "2001:db8::1".parse().unwrap();
    server.set("both.test", vec![DnsAnswer::Addresses(vec![ADDRESS, six])]);
    server.set("six.test", vec![DnsAnswer::Addresses(vec![six])]);
    server.set("none.test", vec![DnsAnswer::NoSuchName]);
    server.set("broken.test", vec![DnsAnswer::Failure]);
    let mut both = lookup("both.test".to_owned()).await.unwrap();
    both.sort_unstable();
    assert_eq!(both, [ADDRESS, six]);
    assert_eq!(lookup("six.test".to_owned()).await.unwrap(), [six]);
    let none = lookup("none.test".to_owned()).await.unwrap_err();
    assert_eq!(none.kind(), std::io::ErrorKind::NotFound);
    assert!(lookup("broken.test".to_owned()).await.is_err());
    let local = lookup("localhost".to_owned()).await.unwrap();
    assert!(local.iter().all(IpAddr::is_loopback), "{local:?}");
}
