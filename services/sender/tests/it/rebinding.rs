//! Names that change their address between two look-ups, or have several.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use posthorn_egress::EgressPolicy;
use posthorn_event_schema::FailureClass;
use posthorn_harness::{Behaviour, Canary, DnsAnswer, DnsServer, Receiver};
use posthorn_sender::answer::Answer;
use posthorn_sender::classify;
use posthorn_sender::client::Client;

use crate::{TIMEOUT, blocked, dns_lookup, post};

const ROUNDS: usize = 1_000;
/// Where the receiver is; the one address that is allowed beside the public ones.
const ALLOWED: &str = "127.0.0.1";
/// Where nobody may be asked.
const FORBIDDEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A receiver, a canary at its port of the forbidden address, and a client that asks a name server.
struct Names {
    receiver: Receiver,
    canary: Canary,
    server: DnsServer,
    client: Client,
}

impl Names {
    async fn start() -> Self {
        let (receiver, server) = tokio::join!(Receiver::start(), DnsServer::start());
        let canary = Canary::at(SocketAddr::from((FORBIDDEN, receiver.address().port()))).await;
        let policy = EgressPolicy::parse(ALLOWED).unwrap();
        let lookup = dns_lookup::at(server.address());
        let client = Client::with_lookup(policy, TIMEOUT, lookup).unwrap();
        Self {
            receiver,
            canary,
            server,
            client,
        }
    }

    async fn post(&self, name: &str) -> Answer {
        let port = self.receiver.address().port();
        post(&self.client, &format!("http://{name}:{port}/hook")).await
    }
}

fn addresses(texts: &[&str]) -> DnsAnswer {
    let parse = |text: &&str| text.parse::<IpAddr>().unwrap();
    DnsAnswer::Addresses(texts.iter().map(parse).collect())
}

fn is_ok(answer: &Answer) -> bool {
    matches!(answer, Answer::Http { status: 200, .. })
}

#[tokio::test]
async fn a_name_that_is_bound_anew_at_each_look_up_leads_nowhere_else() {
    let names = Names::start().await;
    // Each request needs a connection, and so a look-up.
    let closing = Behaviour::with_headers(200, &[("connection", "close")]);
    names.receiver.set("/hook", closing);
    let forbidden = FORBIDDEN.to_string();
    let answers = vec![addresses(&[ALLOWED]), addresses(&[&forbidden])];
    names.server.set("rebind.test", answers);
    for round in 0..ROUNDS {
        let first = names.post("rebind.test").await;
        assert!(is_ok(&first), "round {round}: {first:?}");
        let second = names.post("rebind.test").await;
        assert_eq!(second, blocked(), "round {round}");
    }
    // What was judged is what was dialled: nobody looked a second time.
    assert_eq!(names.server.asked("rebind.test"), 2 * ROUNDS);
    assert_eq!(names.receiver.count("/hook"), ROUNDS);
    assert_eq!(names.canary.connections(), 0);
    println!("rebinding: {ROUNDS} rounds, 0 connections to the forbidden address");
}

#[tokio::test]
async fn a_connection_that_is_kept_does_not_follow_its_name() {
    let names = Names::start().await;
    let forbidden = FORBIDDEN.to_string();
    let answers = vec![addresses(&[ALLOWED]), addresses(&[&forbidden])];
    names.server.set("rebind.test", answers);
    for _ in 0..3 {
        let answer = names.post("rebind.test").await;
        assert!(is_ok(&answer), "{answer:?}");
    }
    assert_eq!(names.receiver.connections(), 1);
    assert_eq!(names.canary.connections(), 0);
}

#[tokio::test]
async fn one_forbidden_address_among_many_refuses_the_name() {
    let names = Names::start().await;
    let forbidden = FORBIDDEN.to_string();
    let mut many = vec![ALLOWED; 49];
    many.push("10.0.0.1");
    for (name, answer) in [
        ("both.test", addresses(&[ALLOWED, &forbidden])),
        ("other-family.test", addresses(&[ALLOWED, "::1"])),
        ("mapped.test", addresses(&[ALLOWED, "::ffff:127.0.0.2"])),
        ("nat64.test", addresses(&["64:ff9b::7f00:2"])),
        ("metadata.test", addresses(&["169.254.169.254"])),
        ("many.test", addresses(&many)),
    ] {
        names.server.set(name, vec![answer]);
        assert_eq!(names.post(name).await, blocked(), "{name}");
    }
    // Nobody was asked at the address that is allowed either.
    assert_eq!(names.receiver.connections(), 0);
    assert_eq!(names.canary.connections(), 0);
    names.server.set("good.test", vec![addresses(&[ALLOWED])]);
    assert!(is_ok(&names.post("good.test").await));
}

#[tokio::test]
async fn a_name_without_an_address_is_a_failure_of_the_name() {
    let names = Names::start().await;
    for (name, answer) in [
        ("unknown.test", DnsAnswer::NoSuchName),
        ("broken.test", DnsAnswer::Failure),
        // Until the look-up is given up, well before the attempt would be.
        ("silent.test", DnsAnswer::Silence),
    ] {
        names.server.set(name, vec![answer]);
        let answer = names.post(name).await;
        let class = classify::failure(&answer);
        assert_eq!(class, Some(FailureClass::Dns), "{name}: {answer:?}");
    }
    assert_eq!(names.receiver.connections(), 0);
}
