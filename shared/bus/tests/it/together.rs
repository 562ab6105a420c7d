//! Events and jobs that share messages.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::poll;
use posthorn_bus::topology::{Reader, Stream};
use posthorn_bus::{Bus, BusConfig, Message, NewJob, PublishError};
use posthorn_event_schema::{DeliveryJob, EndpointId, Event, OrderingKey, Partition, Shard};

use crate::samples;

async fn messages_in(bus: &Bus, stream: Stream) -> u64 {
    let states = bus.stream_states().await.unwrap();
    let state = states.iter().find(|state| state.stream == stream);
    state.unwrap().messages
}

fn jobs_of(message: &Message) -> Vec<DeliveryJob> {
    let parts = message.parts().unwrap().into_iter();
    parts
        .map(|part| DeliveryJob::decode(&part.frame).unwrap())
        .collect()
}

/// The jobs of an endpoint, by message; its partition is empty then.
async fn taken(bus: &Bus, endpoint: &EndpointId) -> Vec<Vec<DeliveryJob>> {
    let partition = bus.partition(Partition::of(endpoint)).await.unwrap();
    let pulled = partition.pull(1_000, 1024 * 1024, Duration::from_secs(1));
    let (mut pulled, mut found) = (pulled.await.unwrap(), Vec::new());
    while let Some(message) = pulled.next().await.unwrap() {
        let mut jobs = jobs_of(&message);
        message.ack().await;
        jobs.retain(|job| job.meta.endpoint == *endpoint);
        found.push(jobs);
    }
    found.retain(|jobs| !jobs.is_empty());
    found
}

#[tokio::test]
async fn events_that_come_at_once_share_a_message_in_their_order() {
    let (_nats, bus) = crate::start().await;
    let ids: Vec<String> = (0..40).map(|number| format!("event_{number}")).collect();
    let mut events: Vec<Event> = ids.iter().map(|id| samples::event(id)).collect();
    // Nobody waits for what is large.
    events[20].body = vec![b'x'; 20_000].into();
    let published = events
        .iter()
        .map(|event| bus.publish_event_with_others(event));
    for stored in join_all(published).await {
        stored.unwrap();
    }
    let count = messages_in(&bus, Stream::Events).await;
    assert!((2..10).contains(&count), "{count} messages");

    let mut messages = bus.messages(Reader::Fanout, 10).await.unwrap();
    let mut found: Vec<Event> = Vec::new();
    while found.len() < events.len() {
        let message = messages.next().await;
        for part in message.parts().unwrap() {
            found.push(Event::decode(&part.frame).unwrap());
        }
        message.ack().await;
    }
    let large = found
        .iter()
        .position(|event| event.meta.id.as_str() == "event_20");
    found.remove(large.unwrap());
    events.remove(20);
    assert_eq!(found, events);
}

#[tokio::test]
async fn jobs_of_one_endpoint_share_a_message_that_is_stored_once() {
    let (_nats, bus) = crate::start().await;
    let endpoints = ["a", "b"].map(samples::endpoint);
    let mut jobs: Vec<DeliveryJob> = Vec::new();
    for event in ["event_1", "event_2", "event_3"] {
        jobs.extend(
            endpoints
                .iter()
                .map(|endpoint| samples::job(event, endpoint)),
        );
    }
    // What stands in a line of its own goes alone.
    let mut in_line = samples::job("event_4", &endpoints[0]);
    in_line.meta.line = Some(OrderingKey::parse("key").unwrap().line());
    jobs.push(in_line.clone());
    let new = || jobs.iter().cloned().map(NewJob::from).collect();
    bus.publish_jobs(new()).await.unwrap();
    bus.publish_jobs(new()).await.unwrap();
    let mut stored = 0;
    for shard in Shard::ALL {
        stored += messages_in(&bus, Stream::Jobs(shard)).await;
    }
    assert_eq!(stored, 3);

    let mut found = taken(&bus, &endpoints[0]).await;
    found.sort_by_key(Vec::len);
    let together = ["event_1", "event_2", "event_3"];
    let together = together.map(|event| samples::job(event, &endpoints[0]));
    assert_eq!(found, [vec![in_line], together.to_vec()]);
}

#[tokio::test]
async fn an_event_for_many_does_not_hold_up_one_for_few() {
    let (_nats, bus) = crate::start().await;
    let many =
        (0..500).map(|number| samples::job("event_1", &samples::endpoint(&number.to_string())));
    let one = samples::job("event_2", &samples::endpoint("a"));
    let jobs = many.chain([one.clone()]).map(NewJob::from).collect();
    bus.publish_jobs(jobs).await.unwrap();
    let partition = bus
        .partition(Partition::of(&one.meta.endpoint))
        .await
        .unwrap();
    let mut pulled = partition
        .pull(600, 1024 * 1024, Duration::from_secs(1))
        .await
        .unwrap();
    while let Some(message) = pulled.next().await.unwrap() {
        message.ack().await;
        if jobs_of(&message) == [one.clone()] {
            assert!(
                message.stream_sequence() < 10,
                "{}",
                message.stream_sequence()
            );
            return;
        }
    }
    panic!("the job is not in its partition");
}

#[tokio::test]
async fn whoever_waits_behind_others_hears_in_time_that_nats_is_away() {
    let (mut nats, _bus) = crate::start().await;
    let mut config = BusConfig::for_url(&nats.url());
    config.publish_timeout = Duration::from_secs(2);
    let bus = Bus::connect(&config, "test").await.unwrap();
    nats.kill();
    // More than may be on its way without an ack.
    let events: Vec<Event> = (0..2_000)
        .map(|number| {
            let mut event = samples::event(&format!("event_{number}"));
            event.body = vec![b'x'; 15_000].into();
            event
        })
        .collect();
    let begun = Instant::now();
    let published = events.iter().map(async |event| {
        let error = bus.publish_event_with_others(event).await.unwrap_err();
        (error, begun.elapsed())
    });
    for (error, after) in join_all(published).await {
        assert!(matches!(error, PublishError::Unavailable(_)), "{error}");
        assert!(after < config.publish_timeout * 3 / 2, "{after:?}");
    }
}

#[tokio::test]
async fn jobs_of_an_endpoint_that_wait_for_its_message_share_the_next_one() {
    const EVENTS: usize = 100;
    let (_nats, bus) = crate::start().await;
    let endpoints = ["a", "b"].map(samples::endpoint);
    let ids: Vec<String> = (0..EVENTS)
        .map(|number| format!("event_{number}"))
        .collect();
    let line = OrderingKey::parse("key").unwrap().line();
    // Each by a call of its own, as fanout publishes those of different messages of EVENTS.
    let published = ids.iter().map(|id| {
        let jobs = endpoints.iter().map(|endpoint| samples::job(id, endpoint));
        let mut in_line = samples::job(&format!("{id}_in_line"), &endpoints[0]);
        in_line.meta.line = Some(line);
        let jobs = jobs.chain([in_line]).map(NewJob::from).collect();
        bus.publish_jobs(jobs)
    });
    let apart = ids.iter().map(|id| {
        let mut new = NewJob::from(samples::job(&format!("{id}_apart"), &endpoints[1]));
        new.apart = true;
        bus.publish_jobs(vec![new])
    });
    for stored in join_all(published.chain(apart)).await {
        stored.unwrap();
    }
    for endpoint in &endpoints {
        let by_itself = |job: &DeliveryJob| {
            job.meta.line.is_some() || job.meta.event.as_str().ends_with("_apart")
        };
        let messages = taken(&bus, endpoint).await.into_iter();
        let (alone, shared): (Vec<_>, Vec<_>) = messages.partition(|jobs| by_itself(&jobs[0]));
        assert_eq!(alone.iter().map(Vec::len).collect::<Vec<_>>(), [1; EVENTS]);
        assert!(shared.len() <= EVENTS / 10, "{} messages", shared.len());
        assert!(shared.iter().all(|jobs| jobs.len() <= 32));
        let found: BTreeSet<_> = shared
            .iter()
            .flatten()
            .map(|job| job.meta.event.as_str())
            .collect();
        assert_eq!(found, ids.iter().map(String::as_str).collect());
        assert_eq!(shared.concat().len(), EVENTS, "each once");
    }
}

#[tokio::test]
async fn of_jobs_that_shared_a_message_which_was_not_stored_each_caller_gets_its_own_back() {
    let (mut nats, _bus) = crate::start().await;
    let mut config = BusConfig::for_url(&nats.url());
    config.publish_timeout = Duration::from_secs(1);
    let bus = Bus::connect(&config, "test").await.unwrap();
    nats.kill();
    let begun = Instant::now();
    let published = (0..40).map(|number| {
        let job = samples::job(&format!("event_{number}"), &samples::endpoint("a"));
        let jobs = vec![NewJob::from(job.clone())];
        async { (job, bus.publish_jobs(jobs).await.unwrap_err()) }
    });
    let mut own = Vec::new();
    for (job, failed) in join_all(published).await {
        let [back] = failed.jobs.as_slice() else {
            panic!("{:?}", failed.jobs);
        };
        assert_eq!(back.job, job);
        assert!(back.apart, "it may be stored already");
        assert!(failed.cause.is_transient(), "{}", failed.cause);
        own.push(job);
    }
    // Nobody waits for the end of the message before theirs.
    assert!(
        begun.elapsed() < config.publish_timeout * 2,
        "{:?}",
        begun.elapsed()
    );
    // An endpoint whose messages failed has others stored as before.
    nats.restart().await;
    posthorn_harness::eventually(crate::SOON, "all to be stored", async || {
        let jobs = own.iter().cloned().map(NewJob::from).collect();
        let stored = bus.publish_jobs(jobs).await;
        stored.map_err(|failed| failed.to_string())
    })
    .await;
}

#[tokio::test]
async fn jobs_that_wait_are_stored_whatever_becomes_of_those_before_and_beside_them() {
    let (_nats, bus) = crate::start().await;
    let endpoint = samples::endpoint("a");
    let job = |id: &str| samples::job(id, &endpoint);
    let publish = |id: &str| bus.publish_jobs(vec![job(id).into()]);
    let mut gone_first = Box::pin(publish("gone_first"));
    let mut gone_later = Box::pin(publish("gone_later"));
    let mut waits = pin!(publish("waits"));
    for one in [&mut gone_first, &mut gone_later] {
        assert!(poll!(one).is_pending());
    }
    assert!(poll!(waits.as_mut()).is_pending());
    drop(gone_first);
    drop(gone_later);
    waits.await.unwrap();
    publish("afterwards").await.unwrap();
    let found = taken(&bus, &endpoint).await.concat();
    for id in ["waits", "afterwards"] {
        assert!(found.contains(&job(id)), "{id}: {found:?}");
    }
}
