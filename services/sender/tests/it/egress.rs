//! Which addresses are dialled, in every spelling; the listener here has all of this machine's.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use posthorn_egress::EgressPolicy;
use posthorn_event_schema::FailureClass;
use posthorn_harness::{Canary, eventually};
use posthorn_sender::answer::Answer;
use posthorn_sender::classify;
use posthorn_sender::client::Client;
use posthorn_sender::resolver::{GuardedResolver, Lookup, ResolveError};
use tokio::net::TcpStream;
use url::Url;

use crate::{TIMEOUT, blocked, post};

/// Of each range that is not public, with the metadata services of clouds.
const DENIED_V4: [&str; 25] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.23",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
];
const DENIED_V6: [&str; 16] = [
    "::",
    "::1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd7a:115c:a1e0::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
];
/// Beside what is denied, on each side.
const ALLOWED: [&str; 18] = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "93.184.216.34",
    "100.63.255.254",
    "100.128.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.88.98.255",
    "192.88.100.1",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2001:200::1",
    "3fff:1000::1",
];
/// Of the IPv4 addresses 127.0.0.1, 0.0.0.0 and 192.168.0.1, and of the IPv6 loopback.
const SPELLED_HOSTS: [&str; 27] = [
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "00000177.0.0.1",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.0x1",
    "127.1",
    "127.0.1",
    "0",
    "0x0",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "0300.0250.0.1",
    "3232235521",
    "[0:0:0:0:0:0:0:1]",
    "[::0001]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:0001]",
    "localhost",
    "LOCALHOST",
    "user:secret@127.0.0.1",
    "1.1.1.1@127.0.0.1",
    "example.com%2f@127.0.0.1",
];

/// A URL of the canary's port at this host.
fn url(host: &str, canary: &Canary) -> String {
    format!("http://{host}:{}/", canary.port())
}

/// IPv6 addresses with an IPv4 address inside: mapped, compatible, translated, NAT64, 6to4, Teredo
/// (the client's address inverted), and ISATAP with a link-local and with no prefix.
fn embeddings(v4: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = v4.octets();
    let pair = format!("{a:02x}{b:02x}:{c:02x}{d:02x}");
    vec![
        format!("::ffff:{v4}"),
        format!("::{v4}"),
        format!("::ffff:0:{v4}"),
        format!("64:ff9b::{v4}"),
        format!("2002:{pair}::1"),
        format!(
            "2001:0:101:101:0:0:{:02x}{:02x}:{:02x}{:02x}",
            !a, !b, !c, !d
        ),
        format!("::5efe:{v4}"),
        format!("fe80::5efe:{v4}"),
    ]
}

fn client() -> Client {
    Client::new(EgressPolicy::default(), TIMEOUT).unwrap()
}

/// Nobody has come, although the canary would have noticed.
async fn assert_silent(canary: &Canary) {
    assert_eq!(canary.connections(), 0);
    let address = (Ipv4Addr::LOCALHOST, canary.port());
    TcpStream::connect(address).await.unwrap();
    eventually(TIMEOUT, "the canary to notice", async || {
        match canary.connections() {
            0 => Err("no connection".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
}

#[tokio::test]
async fn no_forbidden_address_is_dialled_however_it_is_embedded() {
    let (client, canary) = (client(), Canary::everywhere().await);
    let mut hosts: Vec<String> = DENIED_V6.map(|v6| format!("[{v6}]")).into();
    for text in DENIED_V4 {
        hosts.push(text.to_owned());
        let v6 = embeddings(text.parse().unwrap());
        hosts.extend(v6.iter().map(|v6| format!("[{v6}]")));
    }
    for host in &hosts {
        let answer = post(&client, &url(host, &canary)).await;
        assert_eq!(answer, blocked(), "{host}");
    }
    assert_silent(&canary).await;
    println!("egress: {} forbidden addresses, none dialled", hosts.len());
}

#[tokio::test]
async fn no_spelling_leads_around_the_guard() {
    let (client, canary) = (client(), Canary::everywhere().await);
    let port = canary.port();
    let mut urls: Vec<String> = SPELLED_HOSTS.map(|host| url(host, &canary)).into();
    urls.extend([
        format!("https://127.0.0.1:{port}/"),
        format!("http:127.0.0.1:{port}/"),
        format!("http:///127.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}\\@example.com/"),
        format!("http://127.0.0.1:{port}#@example.com/"),
        format!("http://127.0\t.0.1:\n{port}/"),
        format!("  http://127.0.0.1:{port}/  "),
    ]);
    for url in &urls {
        assert_eq!(post(&client, url).await, blocked(), "{url:?}");
    }
    // No name of the public DNS has these endings; whether they resolve is up to the system.
    for host in ["localhost.", "x.localhost"] {
        let answer = post(&client, &url(host, &canary)).await;
        let class = classify::failure(&answer);
        let expected = [FailureClass::BlockedAddress, FailureClass::Dns].map(Some);
        assert!(expected.contains(&class), "{host}: {answer:?}");
    }
    for scheme in ["ftp", "ws", "wss", "gopher", "unix", "foo"] {
        let answer = post(&client, &format!("{scheme}://127.0.0.1:{port}/")).await;
        let class = classify::failure(&answer);
        assert_eq!(class, Some(FailureClass::Request), "{scheme}: {answer:?}");
    }
    assert_silent(&canary).await;
}

#[test]
fn what_is_no_url_cannot_be_asked() {
    for text in [
        "http://[fe80::1%25eth0]/",
        "http://[::1%lo]/",
        "http://127.0.0.1%00.example.com/",
        "http://256.256.256.256/",
        "http://1.2.3.4.5/",
        "http://4294967296/",
        "http://0o177.0.0.1/",
        "http://09.1.1.1/",
        "http://127.0.0.1:99999/",
        "http://[127.0.0.1]/",
        "http://[::ffff:127.1]/",
        "//127.0.0.1/",
        "127.0.0.1",
    ] {
        assert!(Url::parse(text).is_err(), "{text}");
    }
}

/// A resolver to which every name has this address.
fn resolver(address: IpAddr) -> GuardedResolver {
    let lookup: Lookup = Arc::new(move |_host| Box::pin(async move { Ok(vec![address]) }));
    GuardedResolver::new(Arc::default(), lookup)
}

#[tokio::test]
async fn the_address_of_a_name_is_dialled_if_it_is_public_and_else_not() {
    for text in ALLOWED {
        let address: IpAddr = text.parse().unwrap();
        let dialled = resolver(address).resolve("name.test").await.unwrap();
        assert_eq!(dialled, [address], "{text}");
    }
    for text in DENIED_V4.iter().chain(&DENIED_V6) {
        let refused = resolver(text.parse().unwrap()).resolve("name.test").await;
        assert!(matches!(refused, Err(ResolveError::Blocked)), "{text}");
    }
}

#[tokio::test]
async fn an_address_that_the_operator_lists_is_dialled() {
    let canary = Canary::everywhere().await;
    let policy = EgressPolicy::parse("127.0.0.1").unwrap();
    let client = Client::new(policy, TIMEOUT).unwrap();
    let answer = post(&client, &url("127.0.0.1", &canary)).await;
    assert_eq!(classify::failure(&answer), Some(FailureClass::Reset));
    assert_eq!(canary.connections(), 1);
    assert!(matches!(answer, Answer::Failed { .. }));
    assert_eq!(post(&client, &url("127.0.0.2", &canary)).await, blocked());
}
