//! The whole fleet with no rights but these, and whatever needs a right that an ordinary delivery does
//! not need.

use std::time::Duration;

use posthorn_bus::topology::Stream;
use posthorn_e2e::client::text;
use posthorn_e2e::settings::now;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Role, Settings};
use posthorn_harness::{Behaviour, Receiver, eventually};
use serde_json::json;

use super::PASSWORD;
use crate::SOON;

/// What a service logs when NATS refuses it something.
pub(crate) const REFUSED: &str = "Permissions Violation";

struct Work {
    client: Client,
    producer: Producer,
    receiver: Receiver,
}

impl Work {
    async fn endpoint(&self, app: &str, settings: serde_json::Value) -> String {
        self.client.endpoint_with(app, &settings).await.0
    }

    async fn assert_shown(&self, path: &str) -> serde_json::Value {
        let answer = self.client.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Each door, with keys that are used twice, and one event for later.
    async fn doors(&self, name: &str) {
        let app = name.replace(' ', "-");
        let path = format!("/{app}");
        let url = self.receiver.url(&path);
        // It takes a moment until a server that was killed is back.
        eventually(SOON, "an application", async || {
            let settings = json!({"name": name, "uid": app});
            let made = self.client.post("/app", &settings).await;
            match made.status {
                201 | 409 => Ok(()),
                _ => Err(format!("{made:?}")),
            }
        })
        .await;
        self.endpoint(&app, json!({"url": url})).await;
        let subject = format!("posthorn.events.{app}.a");
        eventually(SOON, "a stored event", async || {
            let event = r#"{"data":1}"#.into();
            let stored = self.producer.try_publish(&subject, &[], event).await;
            stored.then_some(()).ok_or_else(|| "no ack".to_owned())
        })
        .await;
        // Then all services are there again.
        self.receiver.wait_for(&path, 1, SOON).await;
        let subject = format!("posthorn.publish.{app}");
        let first = self.keyed(&subject).await;
        assert_eq!(self.keyed(&subject).await, first);
        let due = now().plus(Duration::from_secs(2)).to_rfc3339_micros();
        let bodies = [
            json!({"eventType": "a", "eventId": "one", "payload": {}}),
            json!({"eventType": "a", "payload": {}, "deliverAt": due}),
        ];
        for body in &bodies {
            let sent = self.client.post(&format!("/app/{app}/msg"), body).await;
            assert_eq!(sent.status, 202, "{sent:?}");
        }
        self.receiver.wait_for(&path, 4, SOON).await;
    }

    /// The id of an event with a key.
    async fn keyed(&self, subject: &str) -> String {
        let headers = [("Posthorn-Idempotency-Key", "once")];
        let event = r#"{"type":"a","data":1}"#;
        let answer = self.producer.request_with(subject, &headers, event).await;
        text(&answer["id"])
    }

    /// Deliveries that are read from JOBS and WAITING in their order.
    async fn in_order(&self) {
        let url = self.receiver.url("/order");
        self.client.application("order").await;
        let endpoint = self
            .endpoint("order", json!({"url": url, "fifo": true}))
            .await;
        let once = Behaviour::FailThenOk {
            failures: 1,
            status: 503,
        };
        self.receiver.set("/order", once);
        // The order that counts is that of acceptance.
        for number in 0..3 {
            let event = json!({"id": format!("event_{number}"), "type": "a", "data": number});
            let subject = "posthorn.publish.order";
            let answer = self.producer.request(subject, event.to_string()).await;
            assert!(answer["id"].is_string(), "{answer}");
        }
        self.receiver.wait_for("/order", 4, SOON).await;
        self.client.attempts("order", "event_0", 2).await;
        let resend = format!("/app/order/msg/event_0/endpoint/{endpoint}/resend");
        assert_eq!(self.client.post(&resend, &json!({})).await.status, 202);
        self.receiver.wait_for("/order", 5, SOON).await;
    }

    /// An application with a rate, whose share the senders ask each other for.
    async fn at_a_rate(&self) {
        let settings = json!({"name": "rate", "uid": "rate", "throttleRate": 50});
        assert_eq!(self.client.post("/app", &settings).await.status, 201);
        let mut endpoints = Vec::new();
        for number in 0..8 {
            let url = self.receiver.url(&format!("/rate/{number}"));
            endpoints.push(self.endpoint("rate", json!({"url": url})).await);
        }
        let event = r#"{"data":1}"#;
        self.producer.publish("posthorn.events.rate.a", event).await;
        for (number, endpoint) in endpoints.iter().enumerate() {
            let path = format!("/rate/{number}");
            self.receiver.wait_for(&path, 1, SOON).await;
            let status = format!("/app/rate/endpoint/{endpoint}/rate-limit-status");
            self.assert_shown(&status).await;
        }
    }

    /// Configuration that comes and goes, and what api sends by itself.
    async fn configuration(&self) {
        let url = self.receiver.url("/operations");
        let told = json!({"url": url});
        let made = self
            .client
            .post("/operational-webhook/endpoint", &told)
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        let kind = json!({"name": "beat", "description": "beat"});
        assert_eq!(self.client.post("/event-type", &kind).await.status, 201);
        let schedule = self
            .client
            .request("PUT", "/event-type/beat/retry-schedule");
        let schedule = Client::send(schedule.json(&json!({"retrySchedule": [1, 2]}))).await;
        assert_eq!(schedule.status, 200, "{schedule:?}");
        let expunged = "/event-type/beat?expunge=true";
        let gone = Client::send(self.client.request("DELETE", expunged)).await;
        assert_eq!(gone.status, 204, "{gone:?}");
        let url = self.receiver.url("/example");
        self.client.application("example").await;
        let endpoint = self.endpoint("example", json!({"url": url})).await;
        let path = format!("/app/example/endpoint/{endpoint}/send-example");
        let sent = self
            .client
            .post(&path, &json!({"eventType": "svix.ping"}))
            .await;
        assert!((200..300).contains(&sent.status), "{sent:?}");
        self.receiver.wait_for("/example", 1, SOON).await;
        // That the endpoint was made.
        self.receiver.wait_for("/operations", 1, SOON).await;
    }

    /// What the dashboard shows.
    async fn dashboard(&self) {
        let live = self.client.request("GET", "/live").send().await.unwrap();
        assert_eq!(live.status(), 200);
        self.receiver.set("/down", Behaviour::Status(500));
        let url = self.receiver.url("/down");
        self.client.application("down").await;
        self.endpoint("down", json!({"url": url})).await;
        let event = r#"{"data":1}"#;
        self.producer.publish("posthorn.events.down.a", event).await;
        self.producer
            .publish("posthorn.events.down.a", "garbage")
            .await;
        self.receiver.wait_for("/down", 1, SOON).await;
        eventually(SOON, "a delivery that waits", async || {
            let waiting = self.assert_shown("/waiting").await;
            match waiting["total"].as_u64() {
                Some(1..) => Ok(()),
                _ => Err(waiting.to_string()),
            }
        })
        .await;
        self.assert_shown("/app/down/waiting").await;
        self.assert_shown("/overview").await;
        let rejected = eventually(SOON, "rejected input", async || {
            let rejected = self.assert_shown("/rejected").await;
            match rejected["data"].as_array() {
                Some(data) if !data.is_empty() => Ok(data[0].clone()),
                _ => Err(rejected.to_string()),
            }
        })
        .await;
        let path = format!("/rejected/{}", rejected["position"]);
        self.assert_shown(&path.replace('"', "")).await;
        let fleet = self.assert_shown("/fleet").await;
        let streams = fleet["streams"].as_array().map(Vec::len);
        assert_eq!(streams, Some(Stream::ALL.len()));
        assert!(!text(&fleet["senders"][0]["name"]).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_works_with_these_rights() {
    let (mut nats, database, receiver) =
        tokio::join!(super::start(), database(), Receiver::start());
    let settings = Settings::new(&nats.url(), database.url())
        .with("POSTHORN_NATS_PASSWORD", PASSWORD)
        .with("POSTHORN_RETRY_SCHEDULE", "1s,1s,1s,1s,1s");
    let mut fleet = Fleet::start(settings).await;
    let mut second = fleet.another(Role::Sender);
    let producer = Producer::connect_as("producer", PASSWORD, &nats.url()).await;
    let work = Work {
        client: fleet.client(),
        producer,
        receiver,
    };
    work.doors("before").await;
    work.in_order().await;
    work.at_a_rate().await;
    work.configuration().await;
    work.dashboard().await;
    // Watches are made anew, and consumers that the server has forgotten.
    nats.kill();
    nats.restart().await;
    work.doors("after a restart of nats").await;
    assert_eq!(fleet.lines_with(REFUSED), [""; 0]);
    // What is there is brought up to date.
    for role in Role::ALL {
        fleet.kill(role);
        fleet.restart(role).await;
    }
    work.doors("after a restart of all").await;
    assert_eq!(fleet.lines_with(REFUSED), [""; 0]);
    second.sigterm();
    second.wait_exit_code(0, SOON).await;
    fleet.stop().await;
}
