//! Steady traffic: events of many customers, sent when they are due and not when the last one was
//! accepted, so that a producer that is held up hides nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::Connection;
use crate::latency::Times;
use crate::pace;
use crate::receiver::Receiver;
use crate::usage::{Meter, Taken};
use crate::world::World;

/// Connections of the producer.
const CONNECTIONS: u32 = 16;
/// What is sent within the last moments of a phase has arrived after this.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A customer with one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) application: String,
    pub(crate) endpoint: String,
}

/// Makes customers with an endpoint at each of these paths of the receiver, in their order.
pub(crate) async fn customers(
    world: &World,
    receiver: &Receiver,
    paths: impl IntoIterator<Item = String>,
) -> Vec<Customer> {
    let named = |path: String| {
        (
            format!("customer{}", path.replace('/', "-")),
            receiver.url(&path),
        )
    };
    let all: Arc<Vec<_>> = Arc::new(paths.into_iter().map(named).collect());
    let mut making = JoinSet::new();
    for first in 0..CONNECTIONS as usize {
        let (client, all) = (world.site.client.clone(), Arc::clone(&all));
        making.spawn(async move {
            let mut made = Vec::new();
            let mine = all.iter().enumerate().skip(first);
            for (n, (name, url)) in mine.step_by(CONNECTIONS as usize) {
                let application = client.application(name).await;
                let (endpoint, _secret) = client.endpoint(&application, url).await;
                let customer = Customer {
                    application,
                    endpoint,
                };
                made.push((n, customer));
            }
            made
        });
    }
    let mut made: Vec<_> = making.join_all().await.into_iter().flatten().collect();
    made.sort_by_key(|(n, _)| *n);
    made.into_iter().map(|(_, customer)| customer).collect()
}

/// Who gets events, and how many.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    /// The paths of their messages.
    paths: Arc<Vec<String>>,
    /// So many of them, the first ones, get half of all events.
    favourites: usize,
    /// Events per second.
    rate: u32,
}

/// What a phase of traffic showed.
pub(crate) struct Phase {
    /// From when an event was due to its arrival, of those to good endpoints.
    pub(crate) times: Times,
    /// What it took of the machine.
    pub(crate) taken: Taken,
}

impl Traffic {
    pub(crate) fn new(customers: &[Customer], favourites: usize, rate: u32) -> Self {
        let path = |customer: &Customer| format!("/api/v1/app/{}/msg", customer.application);
        Self {
            paths: Arc::new(customers.iter().map(path).collect()),
            favourites,
            rate,
        }
    }

    /// Sends for a while, and measures the second part of it.
    ///
    /// # Errors
    /// When an event is refused.
    pub(crate) async fn phase(
        &self,
        world: &World,
        receiver: &Receiver,
        warm_up: Duration,
        measured: Duration,
    ) -> anyhow::Result<Phase> {
        let begun = Instant::now();
        let length = warm_up + measured;
        let mut sending = JoinSet::new();
        for first in 0..CONNECTIONS {
            let mut connection =
                Connection::open(&world.site.ingest_url, &world.site.token).await?;
            let traffic = self.clone();
            sending.spawn(async move {
                let mut number = first;
                loop {
                    let due = begun + Duration::from_secs(1) * number / traffic.rate;
                    if due.duration_since(begun) > length {
                        return anyhow::Ok(());
                    }
                    let due = pace::wait_until(due).await;
                    traffic.send(&mut connection, number, due).await?;
                    number += CONNECTIONS;
                }
            });
        }
        tokio::time::sleep_until(begun + warm_up).await;
        drop(receiver.take_times());
        let meter = Meter::start(world.processes());
        while let Some(ended) = sending.join_next().await {
            ended.context("the producer")??;
        }
        let taken = meter.stop();
        tokio::time::sleep(ON_ITS_WAY).await;
        Ok(Phase {
            times: receiver.take_times(),
            taken,
        })
    }

    async fn send(
        &self,
        connection: &mut Connection,
        number: u32,
        due: Instant,
    ) -> anyhow::Result<()> {
        let late = due.elapsed();
        let due = posthorn_e2e::settings::now().minus(late).as_unix_micros();
        let body = format!(r#"{{"eventType":"a","payload":{{"due":{due},"n":{number}}}}}"#);
        let path = &self.paths[self.place(number)];
        let sent = connection.post(path, None, body.into(), 202).await;
        sent.map(drop)
    }

    /// Whose turn it is: any customer's, in an order without a pattern (Fibonacci hashing).
    fn place(&self, number: u32) -> usize {
        let drawn = u64::from(number.wrapping_mul(2_654_435_769));
        let is_favourite = self.favourites > 0 && number.is_multiple_of(2);
        let among = if is_favourite {
            self.favourites
        } else {
            self.paths.len()
        };
        // The high bits: the low ones follow a pattern.
        usize::try_from((drawn * among as u64) >> 32).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn favourites_get_half_and_the_rest_is_spread() {
        let customer = |n: u32| Customer {
            application: n.to_string(),
            endpoint: String::new(),
        };
        let customers: Vec<_> = (0..1_000).map(customer).collect();
        let traffic = Traffic::new(&customers, 10, 1);
        let mut counts = vec![0_u32; 1_000];
        for number in 0..100_000 {
            counts[traffic.place(number)] += 1;
        }
        let favourites: u32 = counts[..10].iter().sum();
        assert!((50_000..51_500).contains(&favourites), "{favourites}");
        assert!(counts.iter().all(|count| *count > 0));
    }
}
