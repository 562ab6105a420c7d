//! The rate of an application, kept by all senders together.

use std::time::{Duration, Instant};

use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Role, Settings, report};
use posthorn_harness::{Behaviour, Receiver, TestNats};
use serde_json::json;

use crate::{SOON, WHOLE_MACHINE};

/// Deliveries per second that the application may get.
const RATE: u16 = 40;
/// Its endpoints: enough for both senders to own some of them.
const ENDPOINTS: usize = 12;
const EVENTS: usize = 200;
/// How long requests are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// When each request of the application's endpoints arrived, in order.
fn arrivals(receiver: &Receiver) -> Vec<Instant> {
    let paths = (0..ENDPOINTS).map(|number| format!("/{number}"));
    let requests = paths.flat_map(|path| receiver.received(&path));
    let mut arrivals: Vec<_> = requests.map(|request| request.arrived).collect();
    arrivals.sort();
    arrivals
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_an_application_holds_for_all_senders_together() {
    let _machine = WHOLE_MACHINE.lock().await;
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    let fleet = Fleet::start(Settings::new(&nats.url(), database.url())).await;
    let client = fleet.client();
    let mut second = fleet.another(Role::Sender);
    second
        .wait_for_line("partitions claimed", Duration::from_secs(30))
        .await;
    let settings = json!({"name": "slow", "uid": "slow", "throttleRate": RATE});
    assert_eq!(client.post("/app", &settings).await.status, 201);
    let other = client.application("other").await;
    client.endpoint(&other, &receiver.url("/other")).await;
    // Requests that fail count like any other, and so do those that repeat them.
    receiver.set("/0", Behaviour::Status(500));
    let mut last = String::new();
    for number in 0..ENDPOINTS {
        let url = receiver.url(&format!("/{number}"));
        (last, _) = client.endpoint("slow", &url).await;
    }

    let producer = Producer::connect(&nats.url()).await;
    for number in 0..EVENTS {
        let event = format!(r#"{{"data":{number}}}"#);
        producer.publish("posthorn.events.slow.a", event).await;
    }
    receiver.wait_for("/1", 3, SOON).await;
    let asked = Instant::now();
    producer
        .publish("posthorn.events.other.a", r#"{"data":1}"#.to_owned())
        .await;
    receiver.wait_for("/other", 1, SOON).await;
    let beside = asked.elapsed();
    tokio::time::sleep(WINDOW + Duration::from_secs(1)).await;
    let status = async || {
        let path = format!("/app/slow/endpoint/{last}/rate-limit-status");
        client.get(&path).await.body
    };
    let held_back = status().await;
    assert_eq!(held_back["status"], json!("RateLimited"), "{held_back}");
    assert!(held_back["throttledSince"].is_string(), "{held_back}");

    // From the second second on: the owner of the rate has just begun.
    let arrivals = arrivals(&receiver);
    let begin = arrivals[0] + Duration::from_secs(1);
    let inside = arrivals
        .iter()
        .filter(|at| (begin..begin + WINDOW).contains(*at));
    let count = inside.count();
    report(&format!(
        "rate of an application: {count} requests in 10 s by two senders at {RATE}/s, \
         another application's event meanwhile delivered after {beside:?}"
    ));
    let even = usize::from(RATE) * 10;
    // Never more than the rate, on any machine; a busy one may be late for some of the moments.
    assert!(count <= even + even / 20, "{count} instead of {even}");
    assert!(count >= even * 3 / 4, "{count} instead of {even}");

    let lifted = client.request("PATCH", "/app/slow");
    let lifted = Client::send(lifted.json(&json!({"throttleRate": null}))).await;
    assert_eq!(lifted.status, 200, "{lifted:?}");
    // At the rate it would take some 50 s more.
    for number in 1..ENDPOINTS {
        let path = format!("/{number}");
        receiver.wait_for(&path, EVENTS, SOON).await;
    }
    assert_eq!(status().await, json!({"status": "Ok"}));
    second.sigterm();
    second.wait_exit_code(0, Duration::from_secs(30)).await;
    fleet.stop().await;
}
