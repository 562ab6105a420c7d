//! Many large jobs at once: a fan-out to everybody must not fill the memory.

use std::time::Duration;

use posthorn_bus::{Bus, BusConfig};

use crate::samples;

/// One event for a thousand endpoints.
const JOBS: usize = 1_000;
/// Its body, in bytes.
const BODY: usize = 256 * 1024;

/// The memory that this process occupies, in bytes. *Source*: proc(5), `statm`.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_fan_out_holds_few_of_its_jobs_in_memory_at_a_time() {
    let (mut nats, _bus) = crate::start().await;
    let mut config = BusConfig::for_url(&nats.url());
    config.publish_timeout = Duration::from_secs(1);
    let bus = Bus::connect(&config, "test").await.unwrap();
    let body = bytes::Bytes::from(vec![b'x'; BODY]);
    let jobs = (0..JOBS).map(|n| {
        let mut job = samples::job("event_1", &samples::endpoint(&n.to_string()));
        job.body = body.clone();
        job.into()
    });
    let jobs: Vec<_> = jobs.collect();
    // Nobody takes them, so all that are on their way stay in memory.
    nats.kill();
    let before = resident_bytes();
    let publish = bus.publish_jobs(jobs);
    let mut highest = before;
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            highest = highest.max(resident_bytes());
        }
    };
    tokio::select! {
        published = publish => assert!(published.is_err(), "nobody can have stored them"),
        () = watch => {}
    }
    let grown = (highest - before) / (1024 * 1024);
    assert!(
        grown < 128,
        "{grown} MiB of {} MiB",
        JOBS * BODY / (1024 * 1024)
    );
}
