//! Events sent to an audience through one door, as fast as deliveries arrive or at a fixed rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::audience::Audience;
use crate::checker::{Checker, Counts};
use crate::latency::Times;
use crate::pace;
use crate::producer::{Door, Producer};
use crate::usage::{Meter, Share, Taken};
use crate::world::Site;

/// How long the last deliveries may take to arrive before they count as missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends events to an audience.
pub(crate) struct Load {
    pub(crate) site: Site,
    pub(crate) audience: Arc<Audience>,
    pub(crate) checker: Arc<Checker>,
    /// Producers, each with connections of its own.
    pub(crate) producers: u32,
    /// Bytes of a payload, about.
    pub(crate) payload: usize,
    /// Before what is measured.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// The number of the next event.
    pub(crate) next: Arc<AtomicU32>,
}

/// What sending for a while showed.
pub(crate) struct Phase {
    /// Deliveries per second that arrived while it was measured.
    pub(crate) rate: f64,
    /// From when an event was due to its arrivals.
    pub(crate) times: Times,
    pub(crate) taken: Taken,
}

impl Phase {
    /// Deliveries that arrived while it was measured.
    pub(crate) fn arrived(&self) -> f64 {
        self.rate * self.taken.wall.as_secs_f64()
    }

    /// Processor time of Posthorn and its servers per 1,000 deliveries.
    pub(crate) fn core_seconds_per_1000(&self) -> f64 {
        self.taken.processor().as_secs_f64() * 1_000.0 / self.arrived()
    }

    /// Processor time of one process per 1,000 deliveries.
    pub(crate) fn core_seconds_of(&self, share: &Share) -> f64 {
        share.processor.as_secs_f64() * 1_000.0 / self.arrived()
    }

    /// Bytes handed to the disk per delivery.
    pub(crate) fn written_each(&self) -> f64 {
        self.taken.written() / self.arrived()
    }
}

impl Load {
    /// Sends through a door for a while, and measures the second part of it: `rate` events a second
    /// when they are due, or, without one, as many as there is room for on their way.
    ///
    /// # Errors
    /// When an event is refused, a delivery is missing or one is not signed as it should be.
    pub(crate) async fn phase(
        &self,
        door: Door,
        rate: Option<u32>,
        processes: &[(String, u32)],
    ) -> anyhow::Result<Phase> {
        let begun = Instant::now();
        let end = begun + self.warm_up + self.measured;
        let first = self.next.load(Ordering::Relaxed);
        let mut sending = JoinSet::new();
        for number in 0..self.producers {
            let producer = Producer::new(&self.site, number).await?;
            let pace = rate.map(|rate| Pace { first, begun, rate });
            sending.spawn(self.sender(producer, door, pace, end));
        }
        sleep_until(begun + self.warm_up).await;
        drop(self.checker.take_times());
        let (from, meter) = (self.checker.counts(), Meter::start(processes.to_vec()));
        sleep_until(end).await;
        let (to, taken) = (self.checker.counts(), meter.stop());
        while let Some(ended) = sending.join_next().await {
            ended.context("a producer")??;
        }
        self.all_arrived().await?;
        Ok(Phase {
            rate: f64::from(to.arrived - from.arrived) / taken.wall.as_secs_f64(),
            times: self.checker.take_times(),
            taken,
        })
    }

    fn sender(
        &self,
        mut producer: Producer,
        door: Door,
        pace: Option<Pace>,
        end: Instant,
    ) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let (audience, checker) = (Arc::clone(&self.audience), Arc::clone(&self.checker));
        let (next, filler) = (Arc::clone(&self.next), "x".repeat(self.payload));
        async move {
            loop {
                if pace.is_none() {
                    let room = checker.take_room(audience.fan_out);
                    if timeout_at(end, room).await.is_err() {
                        return Ok(());
                    }
                }
                let number = next.fetch_add(1, Ordering::Relaxed);
                let due = match pace {
                    Some(pace) => pace::wait_until(pace.due(number)).await,
                    None => Instant::now(),
                };
                let application = number as usize % audience.applications.len();
                let application = &audience.applications[application];
                let body = body(number, due, &filler);
                producer.send(door, application, &body).await?;
                if due > end {
                    return Ok(());
                }
            }
        }
    }

    /// Waits until every event has come to each of its endpoints.
    async fn all_arrived(&self) -> anyhow::Result<()> {
        let events = self.next.load(Ordering::Relaxed) as usize;
        let wanted = u32::try_from(events * self.audience.fan_out)?;
        let until = Instant::now() + PATIENCE;
        loop {
            let Counts { arrived, wrong, .. } = self.checker.counts();
            ensure!(wrong == 0, "{wrong} deliveries were not as they should be");
            if arrived == wanted {
                ensure!(
                    self.checker.is_spoken_as_offered(),
                    "HTTP/2 was offered and not spoken"
                );
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "{} of {wanted} deliveries are missing",
                wanted - arrived
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// When events of a fixed rate are due.
#[derive(Debug, Clone, Copy)]
struct Pace {
    first: u32,
    begun: Instant,
    rate: u32,
}

impl Pace {
    fn due(&self, number: u32) -> Instant {
        self.begun + Duration::from_secs(1) * (number - self.first) / self.rate
    }
}

/// An event as the checker reads it; `due` may lie in the past.
pub(crate) fn body(number: u32, due: Instant, filler: &str) -> String {
    let due = posthorn_e2e::settings::now().minus(due.elapsed());
    let head = format!(
        r#"{{"n":{number},"due":{},"filler":""#,
        due.as_unix_micros()
    );
    let room = filler.len().saturating_sub(head.len() + 2);
    format!(r#"{head}{}"}}"#, &filler[..room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_wanted_size_and_is_json() {
        let body = body(7, Instant::now(), &"x".repeat(256));
        assert_eq!(body.len(), 256);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["n"], 7);
    }

    #[test]
    fn what_is_due_depends_on_the_number_alone() {
        let begun = Instant::now();
        let pace = Pace {
            first: 10,
            begun,
            rate: 4,
        };
        assert_eq!(pace.due(12), begun + Duration::from_millis(500));
    }
}
