//! How much waits at each stage, and for how long.

use std::time::Duration;

use posthorn_bus::Bus;
use posthorn_bus::backlog::{Backlog, Stage};
use posthorn_event_schema::Partition;
use posthorn_harness::eventually;

use crate::samples;

const WAIT: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(30);

async fn messages(bus: &Bus) -> Vec<u64> {
    let mut found = Vec::new();
    for stage in Stage::ALL {
        found.push(bus.backlog(stage).await.unwrap().messages);
    }
    found
}

#[tokio::test]
async fn what_is_not_done_waits_and_grows_older() {
    let (_nats, bus) = crate::start().await;
    let nothing = Backlog {
        messages: 0,
        oldest_age: Duration::ZERO,
    };
    for stage in Stage::ALL {
        assert_eq!(bus.backlog(stage).await.unwrap(), nothing, "{stage:?}");
    }
    bus.publish_event(&samples::event("event_1")).await.unwrap();
    let endpoint = samples::endpoint("1");
    let job = samples::job("event_1", &endpoint);
    bus.publish_job(&job).await.unwrap();
    bus.publish_outcome(&samples::fanout()).await.unwrap();
    tokio::time::sleep(WAIT).await;
    // The recorder has the event to write, and the outcome.
    assert_eq!(messages(&bus).await, [0, 1, 1, 2]);
    for stage in [Stage::Fanout, Stage::Sender, Stage::Recorder] {
        let age = bus.backlog(stage).await.unwrap().oldest_age;
        assert!(age >= WAIT && age < WAIT * 100, "{stage:?}: {age:?}");
    }

    // What is being worked on still counts, and what is done does not.
    let jobs = bus.partition(Partition::of(&endpoint)).await.unwrap();
    let mut pulled = jobs.pull(1, 1_000_000, WAIT * 10).await.unwrap();
    let taken = pulled.next().await.unwrap().unwrap();
    assert_eq!(bus.backlog(Stage::Sender).await.unwrap().messages, 1);
    taken.ack().await;
    // Nobody waits for the server to take an ack.
    eventually(SOON, "nothing to do", async || {
        match bus.backlog(Stage::Sender).await.unwrap() {
            done if done == nothing => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .await;
}
