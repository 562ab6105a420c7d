//! Fanning out, step by step: streams that refuse for a while, a configuration that lags behind.

use std::time::Duration;

use posthorn_bus::topology;
use posthorn_chassis::{Context, Env, Service, Shutdown};
use posthorn_e2e::Streams;
use posthorn_event_schema::batch::{self, Part};
use posthorn_event_schema::{
    DeliveryJob, EndpointId, EndpointSnapshot, Event, EventId, Partition, TraceHeaders, subject,
};
use posthorn_fanout::{Fanout, FanoutConfig};
use posthorn_harness::eventually;

use crate::SOON;

async fn put_endpoint(streams: &Streams, number: u32) {
    let json = format!(
        r#"{{"v":1,"id":"ep_{number}","application":"app_1","organization":"org_1","version":1,
            "url":"https://example.com/","secrets":[]}}"#
    );
    let endpoint: EndpointSnapshot = serde_json::from_str(&json).unwrap();
    let bucket = streams.bus.config_bucket().await.unwrap();
    bucket.put_endpoint(&endpoint).await.unwrap();
}

/// An event that was accepted with a configuration up to `revision`.
fn event(revision: u64) -> Event {
    let meta = format!(
        r#"{{"v":1,"id":"event_1","organization":"org_1","application":"app_1","type":"a",
            "accepted_at":1700000000000000,"retention_hours":1,"config_revision":{revision}}}"#
    );
    Event {
        meta: serde_json::from_str(&meta).unwrap(),
        body: "{}".into(),
    }
}

async fn build(streams: &Streams, context: &Context) -> Fanout {
    let config = FanoutConfig {
        in_flight: 16,
        ..FanoutConfig::from_env(&mut Env::from_pairs::<_, &str, &str>([]))
    };
    Fanout::build(&config, streams.bus.clone(), context)
        .await
        .unwrap()
}

/// Runs fanout until the shutdown that is returned.
fn run(fanout: Fanout) -> Shutdown {
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    shutdown.spawn("fanout", async move { fanout.run(stop).await.unwrap() });
    shutdown
}

/// A fanout whose configuration is what it was when it was built: its watch has ended.
async fn build_frozen(streams: &Streams) -> Fanout {
    let context = Context::new();
    let fanout = build(streams, &context).await;
    end(&context.shutdown).await;
    fanout
}

async fn end(shutdown: &Shutdown) {
    shutdown.trigger();
    assert_eq!(shutdown.drain(SOON).await, 0);
}

async fn become_of(streams: &Streams, jobs: u64, outcomes: u64) {
    eventually(SOON, "the results", async || {
        let found = (streams.jobs().await, streams.count("OUTCOMES").await);
        if found == (jobs, outcomes) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn while_no_verdict_can_be_stored_no_job_is_published_again() {
    // Far shorter than the test, so that a repeated job would be a second one.
    let window = Duration::from_millis(100);
    let streams = Streams::start_with(|bus| bus.duplicate_window = window).await;
    for number in 1..=3 {
        put_endpoint(&streams, number).await;
    }
    streams.close("OUTCOMES").await;
    let context = Context::new();
    let running = run(build(&streams, &context).await);
    streams.bus.publish_event(&event(3)).await.unwrap();
    become_of(&streams, 3, 0).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(streams.jobs().await, 3);

    streams.open("OUTCOMES").await;
    become_of(&streams, 3, 1).await;
    end(&running).await;
    end(&context.shutdown).await;
}

#[tokio::test]
async fn an_event_waits_for_the_configuration_that_it_was_accepted_with() {
    let streams = Streams::start().await;
    put_endpoint(&streams, 1).await;
    let behind = run(build_frozen(&streams).await);
    put_endpoint(&streams, 2).await;
    streams.bus.publish_event(&event(2)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    become_of(&streams, 0, 0).await;
    end(&behind).await;

    let context = Context::new();
    let current = run(build(&streams, &context).await);
    become_of(&streams, 2, 1).await;
    end(&current).await;
    end(&context.shutdown).await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_never_means_nobody() {
    let streams = Streams::start().await;
    let behind = run(build_frozen(&streams).await);
    put_endpoint(&streams, 1).await;
    streams.bus.publish_event(&event(0)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    become_of(&streams, 0, 0).await;
    end(&behind).await;

    let context = Context::new();
    let current = run(build(&streams, &context).await);
    become_of(&streams, 1, 1).await;
    end(&current).await;
    end(&context.shutdown).await;
}

#[tokio::test]
async fn what_is_wrong_with_one_event_of_a_message_harms_none_of_the_others() {
    let streams = Streams::start().await;
    put_endpoint(&streams, 1).await;
    let context = Context::new();
    let running = run(build(&streams, &context).await);
    let part = |frame| Part {
        trace: TraceHeaders::default(),
        frame,
    };
    let mut other = event(1);
    other.meta.id = EventId::parse("event_2").unwrap();
    let parts = [event(1).encode(), "no event".into(), other.encode()].map(part);
    let together = batch::join(&parts);
    let jetstream = streams.producer.jetstream();
    for message in [together, "{\"batch\":[{\"len\":9}],\"v\":1}\nshort".into()] {
        let published = jetstream.publish(subject::EVENTS_TOGETHER, message).await;
        published.unwrap().await.unwrap();
    }
    // Both jobs go to one endpoint.
    become_of(&streams, 1, 1).await;
    eventually(SOON, "two rejections and no event left", async || {
        match (
            streams.count("REJECTED").await,
            streams.count("EVENTS").await,
        ) {
            // The recorder does not run, and so acks nothing.
            (2, 2) => Ok(()),
            found => Err(format!("{found:?}")),
        }
    })
    .await;
    let endpoint = EndpointId::parse("ep_1").unwrap();
    let jobs = topology::Stream::jobs_of(Partition::of(&endpoint)).name();
    let jobs = jetstream.get_stream(jobs).await.unwrap();
    let job = jobs.get_raw_message(1).await.unwrap();
    let jobs = batch::split(&job.payload).unwrap();
    let jobs = jobs
        .iter()
        .map(|job| DeliveryJob::decode(&job.frame).unwrap());
    let told: Vec<_> = jobs
        .map(|job| {
            (
                job.meta.event.to_string(),
                job.meta.order,
                job.meta.order_within,
            )
        })
        .collect();
    let expected = [("event_1", 0), ("event_2", 2)];
    assert_eq!(
        told,
        expected.map(|(id, within)| (id.to_owned(), Some(1), within))
    );
    end(&running).await;
    end(&context.shutdown).await;
}
