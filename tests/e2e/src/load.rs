//! A steady stream of events over NATS, and what became of each of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use posthorn_chassis::Shutdown;
use posthorn_harness::{Receiver, eventually};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::Producer;

/// How long everything accepted may take to arrive after the trouble has passed.
const PATIENCE: Duration = Duration::from_secs(300);

/// A stream of events that goes on until it is ended.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Sent>,
}

/// What was sent.
#[derive(Debug)]
pub struct Sent {
    /// The ids of the events that NATS has acknowledged.
    pub accepted: Vec<String>,
    /// How often publishing had to be repeated.
    pub repeated: usize,
    /// How long the stream lasted.
    pub took: Duration,
}

/// What became of the events.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// Events acknowledged.
    pub accepted: usize,
    /// Deliveries beyond the first of an event to an endpoint.
    pub duplicates: usize,
    /// Events per second while the stream lasted.
    pub rate: f64,
}

impl Load {
    /// Begins to publish `rate` events per second for an application, each with an id of its own
    /// that begins with `name`. A publish that is not acknowledged is repeated with the same id.
    #[must_use]
    pub fn start(producer: Producer, app: &str, name: &str, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let publishing = publish(
            producer,
            app.to_owned(),
            name.to_owned(),
            rate,
            Arc::clone(&stop),
        );
        let task = Shutdown::new().spawn("load", publishing);
        Self { stop, task }
    }

    /// Ends the stream once every event begun is acknowledged.
    ///
    /// # Panics
    /// When the stream failed.
    pub async fn end(self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the load does not panic")
    }
}

impl Sent {
    /// Waits until each event has arrived at each path of a receiver, and counts.
    ///
    /// # Panics
    /// When one is missing in the end.
    pub async fn wait_delivered(&self, receiver: &Receiver, paths: &[&str]) -> Tally {
        let mut duplicates = 0;
        for path in paths {
            duplicates += eventually(PATIENCE, "all events at the endpoint", async || {
                let counts = self.counts(receiver, path);
                let missing = self.accepted.iter().filter(|id| !counts.contains_key(*id));
                match missing.count() {
                    0 => Ok(counts.values().map(|count| count - 1).sum::<usize>()),
                    count => Err(format!(
                        "{count} of {} missing at {path}",
                        self.accepted.len()
                    )),
                }
            })
            .await;
        }
        let accepted = self.accepted.len();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand events")]
        let rate = accepted as f64 / self.took.as_secs_f64();
        Tally {
            accepted,
            duplicates,
            rate,
        }
    }

    /// How often each of these events came to a path.
    fn counts(&self, receiver: &Receiver, path: &str) -> HashMap<String, usize> {
        let ours: HashSet<&str> = self.accepted.iter().map(String::as_str).collect();
        let mut counts = HashMap::new();
        for request in receiver.received(path) {
            if let Some(id) = request.header("svix-id").filter(|id| ours.contains(id)) {
                *counts.entry(id.to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

async fn publish(
    producer: Producer,
    app: String,
    name: String,
    rate: u32,
    stop: Arc<AtomicBool>,
) -> Sent {
    let started = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_secs(1) / rate);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let tasks = Shutdown::new();
    let mut under_way = Vec::new();
    let subject = format!("posthorn.events.{app}.load.tick");
    for number in 0_u64.. {
        beat.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("{name}-{number}");
        let one = until_accepted(producer.clone(), subject.clone(), id);
        under_way.push(tasks.spawn("publish", one));
    }
    let took = started.elapsed();
    let mut sent = Sent {
        accepted: Vec::new(),
        repeated: 0,
        took,
    };
    for one in under_way {
        let (id, repeated) = one.await.expect("publishing does not panic");
        sent.accepted.push(id);
        sent.repeated += repeated;
    }
    sent
}

async fn until_accepted(producer: Producer, subject: String, id: String) -> (String, usize) {
    let body = Bytes::from(format!(r#"{{"id":"{id}","data":{{"n":"{id}"}}}}"#));
    for repeated in 0.. {
        let headers = [("Nats-Msg-Id", id.as_str())];
        if producer.try_publish(&subject, &headers, body.clone()).await {
            return (id, repeated);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    unreachable!("the loop has no end")
}
