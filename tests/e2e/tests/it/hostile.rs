//! Endpoints that answer in order to hurt: the sender's memory stays bounded, and a healthy endpoint
//! beside them gets all its deliveries, and does not wait for theirs.
//!
//! How late it gets them is measured by the benchmark `neighbours`; the figures that `make test` shows
//! depend on whatever else the machine does.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use futures::StreamExt;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Role, Settings, report};
use posthorn_harness::{Behaviour, Memory, Receiver, TestDatabase, TestNats};
use serde_json::json;

use crate::{SOON, WHOLE_MACHINE, hostile_answers};

/// Hostile endpoints that are asked at once.
const AT_ONCE: usize = 500;
/// The longest answer that a sender takes in: 32 KiB of head and 64 KiB of body.
const MAX_ANSWER_BYTES: u64 = 96 * 1024;
/// How much the sender's memory may grow, all kinds together: an answer of the longest from each, and as
/// much again for buffers that are copied when they grow and for what the allocator keeps. *Source*: 41 to
/// 66 MiB in six runs, 46 of them answers that are as long as they may be.
const MAX_GROWTH_BYTES: u64 = 2 * MAX_ANSWER_BYTES * AT_ONCE as u64;
/// The deadline of an attempt.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between two events for the healthy endpoint.
const BEAT: Duration = Duration::from_millis(40);
/// The longest that a round may take: the deadline, and what a busy machine adds.
const ROUND: Duration = Duration::from_secs(30);

/// A fleet with many hostile endpoints and a healthy one.
struct Neighbours {
    fleet: Fleet,
    producer: Producer,
    hostile: Receiver,
    healthy: Receiver,
    database: TestDatabase,
    _nats: TestNats,
}

/// What one round showed.
struct Round {
    name: &'static str,
    took: Duration,
    /// How many attempts ended with which failure class; `""` is a success.
    classes: BTreeMap<String, usize>,
    /// From publishing to arrival at the healthy endpoint, shortest first.
    latencies: Vec<Duration>,
    /// Healthy deliveries that arrived before the first hostile attempt can have come to its
    /// deadline: whoever waited for a hostile endpoint would not be among them.
    meanwhile: usize,
    memory: Memory,
}

impl Neighbours {
    async fn start() -> Self {
        let (nats, database) = tokio::join!(TestNats::start(), database());
        let (hostile, healthy) = tokio::join!(Receiver::start(), Receiver::start());
        let settings = Settings::new(&nats.url(), database.url())
            .with("POSTHORN_SENDER_TIMEOUT", format!("{}s", TIMEOUT.as_secs()))
            // One attempt each, and each round asks every endpoint.
            .with("POSTHORN_RETRY_SCHEDULE", "1h,2h")
            .with("POSTHORN_BREAKER_OPEN", "0s");
        let fleet = Fleet::start(settings).await;
        let client = fleet.client();
        client.application("hostile").await;
        let urls = (0..AT_ONCE).map(|n| hostile.url(&format!("/hook?endpoint={n}")));
        let making = urls.map(|url| make_endpoint(client.clone(), url));
        let made = futures::stream::iter(making).buffer_unordered(8);
        made.collect::<Vec<()>>().await;
        make_healthy(&client, &healthy.url("/hook")).await;
        Self {
            producer: Producer::connect(&nats.url()).await,
            fleet,
            hostile,
            healthy,
            database,
            _nats: nats,
        }
    }

    /// One event for all hostile endpoints, which answer like this, and a steady stream for the
    /// healthy one until all of them have ended.
    async fn round(&mut self, name: &'static str, behaviour: Behaviour) -> Round {
        self.hostile.set("/hook", behaviour);
        self.hostile.clear();
        self.healthy.clear();
        let id = name.replace(' ', "-");
        self.publish("hostile.hurt", &id).await;
        let begun = Instant::now();
        let mut published = BTreeMap::new();
        let classes = loop {
            let beat = format!("{id}-{}", published.len());
            published.insert(beat.clone(), Instant::now());
            self.publish("healthy.beat", &beat).await;
            let classes = self.classes(&id).await;
            let ended: usize = classes.values().sum();
            if ended == AT_ONCE {
                break classes;
            }
            let (late, received) = (begun.elapsed() > ROUND, self.hostile.count("/hook"));
            assert!(!late, "{name}: {ended} of {received} ended: {classes:?}");
            tokio::time::sleep(BEAT).await;
        };
        self.healthy.wait_for("/hook", published.len(), SOON).await;
        Round {
            name,
            took: begun.elapsed(),
            classes,
            latencies: latencies(&self.healthy, &published),
            meanwhile: self.arrived_meanwhile(),
            memory: self.fleet.process(Role::Sender).memory(),
        }
    }

    fn arrived_meanwhile(&self) -> usize {
        let hostile = self.hostile.received("/hook");
        let first = hostile.iter().map(|request| request.arrived).min();
        let deadline = first.map(|first| first + TIMEOUT);
        let healthy = self.healthy.received("/hook").into_iter();
        healthy
            .filter(|request| Some(request.arrived) < deadline)
            .count()
    }

    async fn publish(&self, app_and_type: &str, id: &str) {
        let event = format!(r#"{{"id":"{id}","data":1}}"#);
        let subject = format!("posthorn.events.{app_and_type}");
        self.producer.publish(&subject, event).await;
    }

    /// How the attempts of an event have ended so far.
    async fn classes(&self, event: &str) -> BTreeMap<String, usize> {
        let counts = format!(
            "SELECT coalesce(failure, ''), count(*) FROM attempts WHERE event_id = '{event}' GROUP BY 1"
        );
        let rows = self.database.sql(&counts).await.into_iter();
        rows.map(|row| (row[0].clone(), row[1].parse().unwrap()))
            .collect()
    }
}

/// What a busy machine makes late is tried again soon.
async fn make_healthy(client: &Client, url: &str) {
    client.application("healthy").await;
    client.endpoint("healthy", url).await;
    let beat = json!({"name": "beat", "description": "goes on while others hurt"});
    assert_eq!(client.post("/event-type", &beat).await.status, 201);
    let schedule = client.request("PUT", "/event-type/beat/retry-schedule");
    let schedule = schedule.json(&json!({"retrySchedule": [1, 1, 1]}));
    assert_eq!(Client::send(schedule).await.status, 200);
}

async fn make_endpoint(client: Client, url: String) {
    let settings = json!({"url": url});
    let made = client.post("/app/hostile/endpoint", &settings).await;
    assert_eq!(made.status, 201, "{made:?}");
}

fn latencies(healthy: &Receiver, published: &BTreeMap<String, Instant>) -> Vec<Duration> {
    let mut latencies: Vec<Duration> = healthy
        .received("/hook")
        .iter()
        .filter_map(|request| {
            let at = published.get(request.header("svix-id")?)?;
            Some(request.arrived.duration_since(*at))
        })
        .collect();
    latencies.sort();
    latencies
}

impl Round {
    /// Whether the attempts ended as they should. On a busy machine, some that should end at once
    /// come to their deadline first.
    fn ended_as(&self, class: &str) -> bool {
        let count = |class| self.classes.get(class).copied().unwrap_or(0);
        let late = if class == "timeout" {
            0
        } else {
            count("timeout")
        };
        count(class) > 0 && count(class) + late == AT_ONCE
    }

    fn median(&self) -> Duration {
        self.latencies[self.latencies.len() / 2]
    }

    fn longest(&self) -> Duration {
        *self.latencies.last().unwrap()
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        write!(
            f,
            "{} ({:.1?}): {AT_ONCE} at once ended as {:?}; sender {} MiB, at most {} MiB so far; healthy \
             endpoint: {} deliveries, {} of them meanwhile, median {:?}, longest {:?}",
            self.name,
            self.took,
            self.classes,
            mib(self.memory.now),
            mib(self.memory.peak),
            self.latencies.len(),
            self.meanwhile,
            self.median(),
            self.longest(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_endpoints_cost_little_memory_and_their_neighbour_no_delivery() {
    let _machine = WHOLE_MACHINE.lock().await;
    let mut neighbours = Neighbours::start().await;
    let idle = neighbours.fleet.process(Role::Sender).memory().now;
    neighbours.round("warm up", Behaviour::Status(200)).await;
    let usual = neighbours.round("usual", Behaviour::Status(200)).await;
    report(&usual.to_string());
    let mut last = usual.memory;
    for kind in hostile_answers::all() {
        let round = neighbours.round(kind.name, kind.behaviour).await;
        report(&round.to_string());
        assert!(round.ended_as(kind.class), "{round}");
        // The others cost processors, which a busy machine may not have to spare within a deadline.
        let waited_for = kind.class == "timeout";
        assert!(round.meanwhile > 0 || !waited_for, "{round}");
        last = round.memory;
    }
    let growth = last.peak.saturating_sub(usual.memory.now);
    report(&format!(
        "hostile endpoints: the sender had {} KiB idle, {} KiB with as many ordinary endpoints, and \
         {} KiB more at most",
        idle / 1024,
        usual.memory.now / 1024,
        growth / 1024
    ));
    assert!(growth <= MAX_GROWTH_BYTES, "{growth} bytes");
    neighbours.fleet.stop().await;
}
