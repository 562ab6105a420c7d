//! Live streams: what is recorded is told at once, to those whom it concerns, and to nobody else.

use std::collections::VecDeque;
use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EndpointId, Event, EventType, Outcome};
use posthorn_harness::eventually;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Client;
use crate::sample::{attempt, event, matched};
use crate::world::World;

const SOON: Duration = Duration::from_secs(30);

/// An event as it arrived.
#[derive(Debug, Clone)]
struct Told {
    name: String,
    id: Option<String>,
    data: Value,
}

/// Somebody who watches.
struct Watcher {
    connection: BufReader<TcpStream>,
    text: String,
    told: VecDeque<Told>,
}

impl Watcher {
    async fn open(client: &Client, path: &str, headers: &str) -> Self {
        let mut connection = BufReader::new(client.open(path, headers).await);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(connection.read_line(&mut head).await.unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let head = head.to_lowercase();
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        Self {
            connection,
            text: String::new(),
            told: VecDeque::new(),
        }
    }

    /// Opens, and reads how the stream begins.
    async fn ready(
        client: &Client,
        path: &str,
        headers: &str,
        resumed: bool,
        missed: bool,
    ) -> Self {
        let mut watcher = Self::open(client, path, headers).await;
        let ready = watcher.next().await;
        assert_eq!(ready.name, "ready");
        assert_eq!(ready.data, json!({"resumed": resumed, "missed": missed}));
        watcher
    }

    async fn chunk(&mut self) {
        let mut size = String::new();
        self.connection.read_line(&mut size).await.unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.connection.read_exact(&mut chunk).await.unwrap();
        chunk.truncate(size);
        self.text.push_str(std::str::from_utf8(&chunk).unwrap());
    }

    fn parse(&mut self) {
        while let Some((block, rest)) = self.text.split_once("\n\n") {
            let field = |name: &str| {
                let lines = block.lines();
                lines
                    .filter_map(|l| l.split_once(": "))
                    .find(|(n, _)| *n == name)
            };
            if let Some((_, name)) = field("event") {
                self.told.push_back(Told {
                    name: name.to_owned(),
                    id: field("id").map(|(_, id)| id.to_owned()),
                    data: serde_json::from_str(field("data").unwrap().1).unwrap(),
                });
            }
            self.text = rest.to_owned();
        }
    }

    async fn next(&mut self) -> Told {
        loop {
            if let Some(told) = self.told.pop_front() {
                return told;
            }
            timeout(SOON, self.chunk()).await.expect("nothing is told");
            self.parse();
        }
    }

    async fn expect_silence(&mut self) {
        let more = timeout(Duration::from_millis(300), self.next()).await;
        assert!(more.is_err(), "{more:?}");
    }
}

async fn publish(world: &World, outcomes: &[Outcome]) {
    for outcome in outcomes {
        world.bus.publish_outcome(outcome).await.unwrap();
    }
}

async fn shop(world: &World, uid: &str) -> (ApplicationId, EndpointId) {
    let app = world.application(uid).await;
    let hook = world.endpoint(&app, "hook").await;
    (app, hook)
}

/// Outcomes of an event: matched, failed, delivered.
fn journey(event: &Event, hook: &EndpointId) -> [Outcome; 3] {
    [
        matched(event, hook),
        attempt(event, hook, 1, 500, Some(event.meta.accepted_at)),
        attempt(event, hook, 2, 200, None),
    ]
}

#[tokio::test]
async fn what_is_recorded_is_told_at_once_to_whom_it_concerns() {
    let world = World::start().await;
    let (app, hook) = shop(&world, "shop").await;
    let (other, other_hook) = shop(&world, "other").await;
    let portal = world.portal(app.as_str());
    let watch =
        async |client: &Client, path: &str| Watcher::ready(client, path, "", false, false).await;
    let mut own = watch(&portal, "/app/shop/live").await;
    let mut all = watch(&world.client, "/live").await;
    let mut stranger = watch(&world.other_organization(), "/live").await;
    let mut failures = watch(&world.client, "/app/shop/live?status=2&endpoint_id=hook").await;
    let mut messages = watch(&world.client, "/app/shop/live?kinds=message").await;
    portal.get("/live").await.expect(403);
    world
        .other_organization()
        .get("/app/shop/live")
        .await
        .expect(404);
    for bad in ["kinds=x", "status=9"] {
        world.client.get(&format!("/live?{bad}")).await.expect(422);
    }

    let first = event(&world, &app, 60);
    publish(&world, &journey(&first, &hook)).await;
    let second = event(&world, &other, 30);
    publish(&world, &journey(&second, &other_hook)).await;

    let message = own.next().await;
    assert_eq!(message.name, "message");
    assert_eq!(message.data["id"], json!(first.meta.id.as_str()));
    assert_eq!(message.data["endpoints"], json!(1));
    let failed = own.next().await;
    assert_eq!(failed.name, "attempt");
    assert_eq!(failed.data["statusText"], json!("fail"));
    assert_eq!(failed.data["responseStatusCode"], json!(500));
    assert!(failed.data["nextAttempt"].is_string());
    let delivered = own.next().await;
    assert_eq!(delivered.data["statusText"], json!("success"));
    assert_eq!(delivered.data["attempt"], json!(2));
    own.expect_silence().await;

    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(all.next().await.data["appId"].clone());
    }
    let [one, two] = [json!(app.as_str()), json!(other.as_str())];
    assert_eq!(seen, [&one, &one, &one, &two, &two, &two].map(Clone::clone));
    stranger.expect_silence().await;
    assert_eq!(failures.next().await.data["statusText"], json!("fail"));
    failures.expect_silence().await;
    assert_eq!(messages.next().await.name, "message");
    messages.expect_silence().await;
    drop((own, all, stranger, failures, messages));
    world.stop().await;
}

#[tokio::test]
async fn who_comes_back_misses_nothing_or_is_told_so() {
    let world = World::start().await;
    let (app, hook) = shop(&world, "shop").await;
    let other = world.another_process().await;
    let elsewhere = other.with(&world.client);
    let path = "/app/shop/live";
    let mut watcher = Watcher::ready(&world.client, path, "", false, false).await;
    let [matched, failed, delivered] = journey(&event(&world, &app, 60), &hook);
    publish(&world, &[matched]).await;
    let seen = watcher.next().await.id.unwrap();
    drop(watcher);

    let resume = format!("last-event-id: {seen}\r\n");
    // Nothing came since then, so another process knows that nothing was missed.
    drop(Watcher::ready(&elsewhere, path, &resume, true, false).await);
    publish(&world, &[failed, delivered]).await;
    for client in [&world.client, &elsewhere] {
        let mut again = Watcher::ready(client, path, &resume, true, false).await;
        assert_eq!(again.next().await.data["attempt"], json!(1));
        assert_eq!(again.next().await.data["attempt"], json!(2));
        again.expect_silence().await;
    }
    // A process that begins to listen now does not know what came before.
    let third = world.another_process().await;
    let late = third.with(&world.client);
    drop(Watcher::ready(&late, path, &resume, false, true).await);
    let query = format!("{path}?last_event_id={seen}");
    drop(Watcher::ready(&elsewhere, &query, "", true, false).await);
    let garbage = "last-event-id: 4711\r\n";
    drop(Watcher::ready(&world.client, path, garbage, false, true).await);
    third.stop().await;
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn an_organisation_has_a_bounded_number_of_streams() {
    let world = World::start().await;
    shop(&world, "shop").await;
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(Watcher::ready(&world.client, "/live", "", false, false).await);
    }
    let refused = world.client.get("/app/shop/live").await;
    assert_eq!(refused.expect(429)["code"], json!("too_many_live_streams"));
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    let stranger = world.other_organization();
    drop(Watcher::ready(&stranger, "/live", "", false, false).await);
    open.pop();
    eventually(SOON, "a free place", async || {
        match Watcher::status(&world.client, "/live").await {
            200 => Ok(()),
            status => Err(format!("status {status}")),
        }
    })
    .await;
    drop(open);
    world.stop().await;
}

impl Watcher {
    async fn status(client: &Client, path: &str) -> u16 {
        let mut connection = BufReader::new(client.open(path, "").await);
        let mut line = String::new();
        connection.read_line(&mut line).await.unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_and_holds_up_nobody() {
    const COUNT: u16 = 12_000;
    let world = World::start().await;
    let (app, hook) = shop(&world, "shop").await;
    let mut slow = Watcher::ready(&world.client, "/live", "", false, false).await;
    let mut fast = Watcher::ready(&world.client, "/live", "", false, false).await;
    let mut sent = event(&world, &app, 60);
    sent.meta.event_type = EventType::parse(&"x".repeat(200)).unwrap();
    let bus = world.bus.clone();
    let publishing = world.context.shutdown.spawn("publishing", async move {
        for number in 1..=COUNT {
            let Outcome::Attempt(mut record) = attempt(&sent, &hook, 1, 200, None) else {
                panic!("no attempt");
            };
            let id = format!("atmpt_{number}");
            record.id = posthorn_event_schema::AttemptId::parse(&id).unwrap();
            bus.publish_outcome(&Outcome::Attempt(record))
                .await
                .unwrap();
        }
    });
    for number in 1..=COUNT {
        let told = fast.next().await;
        assert_eq!(
            told.data["id"],
            json!(format!("atmpt_{number}")),
            "{told:?}"
        );
    }
    publishing.await.unwrap();
    let mut seen = 0_u16;
    loop {
        let told = slow.next().await;
        if told.name == "missed" {
            assert_eq!(told.data, json!({"reason": "slow_reader"}));
            break;
        }
        seen += 1;
        assert!(seen < COUNT, "it was never told that it missed anything");
    }
    // It goes on with what is still there, up to the newest.
    loop {
        let told = slow.next().await;
        if told.data["id"] == json!(format!("atmpt_{COUNT}")) {
            break;
        }
    }
    drop((slow, fast));
    world.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_its_process() {
    let world = World::start().await;
    let (app, _) = shop(&world, "shop").await;
    let portal = world.portal(app.as_str());
    let mut watcher = Watcher::ready(&portal, "/app/shop/live", "", false, false).await;
    let mut staying = Watcher::ready(&world.client, "/live", "", false, false).await;
    let path = "/auth/app/shop/expire-all";
    world.client.post(path, &json!({})).await.expect(204);
    let end = timeout(Duration::from_secs(20), async {
        watcher.chunk().await;
        watcher.parse();
        watcher.told.pop_front()
    });
    let end = end.await.unwrap().unwrap();
    assert_eq!(
        (&*end.name, &end.data),
        ("end", &json!({"reason": "token_ended"}))
    );
    world.context.shutdown.trigger();
    let end = staying.next().await;
    assert_eq!(
        (&*end.name, &end.data),
        ("end", &json!({"reason": "shutdown"}))
    );
    world.stop().await;
}
