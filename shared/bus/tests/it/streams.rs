//! Streams and consumers: made once, publishes stored once, work handed out again.

use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull};
use posthorn_bus::batches::Limits;
use posthorn_bus::topology::{self, Reader, Stream};
use posthorn_bus::{Bus, BusConfig, BusError, JobPartition, PublishError, Role};
use posthorn_event_schema::{DeliveryJob, Event, Outcome, Partition};
use posthorn_harness::TestNats;

use crate::samples;

#[tokio::test]
async fn everything_is_made_once_however_many_processes_try() {
    let (nats, bus) = crate::start().await;
    let others = futures::future::join_all((0..4).map(|_| async {
        let other = crate::connect(&nats).await;
        other.ensure(&Role::ALL).await
    }));
    for outcome in others.await {
        outcome.unwrap();
    }
    bus.ensure(&Role::ALL).await.unwrap();
    for reader in Reader::all().take(5) {
        bus.messages(reader, 1).await.unwrap();
    }
    assert_eq!(Stream::ALL.len(), 10);
}

#[tokio::test]
async fn a_server_with_little_storage_keeps_less_refused_input() {
    let nats = TestNats::start_with(|options| {
        let folder = options.folder.join("store");
        let folder = folder.display();
        options.extra_config =
            format!("jetstream {{ store_dir: \"{folder}\", max_file_store: 300MB }}");
    })
    .await;
    let bus = crate::connect(&nats).await;
    bus.ensure(&Role::ALL).await.unwrap();
    bus.ensure(&Role::ALL).await.unwrap();
    bus.publish_event(&samples::event("event_1")).await.unwrap();
    let size = stream_max_bytes(&nats, "REJECTED").await;
    assert_eq!(size, topology::REJECTED_MAX_BYTES / 4);
}

#[tokio::test]
async fn streams_have_the_limits_that_are_set() {
    let nats = TestNats::start().await;
    let bus = crate::connect(&nats).await;
    bus.ensure(&Role::ALL).await.unwrap();
    assert_eq!(stream_max_bytes(&nats, "EVENTS").await, -1);
    let mut config = BusConfig::for_url(&nats.url());
    config.stream_max_bytes = 1024 * 1024;
    let bus = Bus::connect(&config, "test").await.unwrap();
    bus.ensure(&Role::ALL).await.unwrap();
    for stream in ["INBOX", "EVENTS", "JOBS_0", "WAITING", "OUTCOMES"] {
        assert_eq!(stream_max_bytes(&nats, stream).await, 1024 * 1024);
    }
    let rejected = stream_max_bytes(&nats, "REJECTED").await;
    assert_eq!(rejected, topology::REJECTED_MAX_BYTES);
    let mut event = samples::event("event_1");
    event.body = vec![b'x'; 600 * 1024].into();
    bus.publish_event(&event).await.unwrap();
    event.meta.id = posthorn_event_schema::EventId::parse("event_2").unwrap();
    let refused = bus.publish_event(&event).await.unwrap_err();
    assert!(matches!(refused, PublishError::Full(_)), "{refused:?}");
}

/// The limit as the server has it, seen by a client that knows nothing of ours.
async fn stream(nats: &TestNats, stream: &str) -> jetstream::stream::Stream {
    let client = async_nats::connect(nats.url()).await.unwrap();
    jetstream::new(client).get_stream(stream).await.unwrap()
}

async fn stream_max_bytes(nats: &TestNats, name: &str) -> i64 {
    stream(nats, name).await.cached_info().config.max_bytes
}

#[tokio::test]
async fn an_event_published_twice_is_stored_once_and_read_by_both_readers() {
    let (_nats, bus) = crate::start().await;
    let event = samples::event("event_1");
    let first = bus.publish_event(&event).await.unwrap();
    let second = bus.publish_event(&event).await.unwrap();
    assert!(!first.duplicate && second.duplicate);
    assert_eq!(first.sequence, second.sequence);

    for reader in [Reader::Fanout, Reader::RecorderEvents] {
        let limits = Limits {
            messages: 10,
            bytes: 1024 * 1024,
            age: Duration::from_millis(200),
        };
        let mut batches = bus.batches(reader).await.unwrap();
        let batch = batches.next(limits).await;
        assert_eq!(batch.len(), 1, "{reader:?}");
        assert_eq!(Event::decode(batch[0].payload()).unwrap(), event);
        assert_eq!(batch[0].stream_sequence(), first.sequence);
        batch[0].ack().await;
    }
}

#[tokio::test]
async fn jobs_go_to_their_partition_and_come_again_when_given_back() {
    let (_nats, bus) = crate::start().await;
    let endpoints = ["a", "b", "c"].map(samples::endpoint);
    let jobs = endpoints
        .each_ref()
        .map(|endpoint| samples::job("event_1", endpoint));
    let new = || Vec::from(jobs.clone().map(Into::into));
    bus.publish_jobs(new()).await.unwrap();
    bus.publish_jobs(new()).await.unwrap();

    for endpoint in &endpoints {
        let partition = bus.partition(Partition::of(endpoint)).await.unwrap();
        let pull = || partition.pull(10, 1024 * 1024, Duration::from_millis(500));
        let mut found = Vec::new();
        let mut pulled = pull().await.unwrap();
        while let Some(message) = pulled.next().await.unwrap() {
            let job = DeliveryJob::decode(message.payload()).unwrap();
            if job.meta.endpoint == *endpoint {
                assert_eq!(message.delivered(), 1);
                message.give_back(Duration::ZERO).await;
                found.push(job);
                break;
            }
            message.give_back(Duration::ZERO).await;
        }
        assert_eq!(found, [samples::job("event_1", endpoint)]);
    }
}

#[tokio::test]
async fn a_publish_without_an_answer_fails_within_its_deadline_and_may_be_repeated() {
    let (mut nats, _bus) = crate::start().await;
    let mut config = posthorn_bus::BusConfig::for_url(&nats.url());
    config.publish_timeout = Duration::from_millis(300);
    let bus = posthorn_bus::Bus::connect(&config, "test").await.unwrap();
    nats.kill();

    let started = std::time::Instant::now();
    let error = bus
        .publish_event(&samples::event("event_1"))
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(
        started.elapsed() < posthorn_bus::BusConfig::for_url("").publish_timeout,
        "{:?}",
        started.elapsed()
    );

    nats.restart().await;
    posthorn_harness::eventually(Duration::from_secs(30), "a stored event", async || {
        let stored = bus.publish_event(&samples::event("event_1")).await;
        stored.map_err(|error| error.to_string())
    })
    .await;
}

#[tokio::test]
async fn a_reader_goes_on_after_a_crash_of_the_server() {
    let (mut nats, bus) = crate::start().await;
    let mut messages = bus.messages(Reader::Fanout, 10).await.unwrap();
    bus.publish_event(&samples::event("event_1")).await.unwrap();
    messages.next().await.ack().await;
    bus.flush().await;

    nats.kill();
    nats.restart().await;
    posthorn_harness::eventually(Duration::from_secs(30), "a stored event", async || {
        let stored = bus.publish_event(&samples::event("event_2")).await;
        stored.map_err(|error| error.to_string())
    })
    .await;
    // The server keeps every message, but may forget the acks of its last moments: an event that was
    // acked just before the crash may come again, and nothing but that.
    let next = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let message = messages.next().await;
            message.ack().await;
            let event = Event::decode(message.payload()).unwrap();
            if event.meta.id.as_str() != "event_1" {
                return event;
            }
        }
    });
    assert_eq!(next.await.unwrap(), samples::event("event_2"));
}

#[tokio::test]
async fn a_queues_readers_are_made_anew_after_a_crash_of_the_server() {
    let (mut nats, bus) = crate::start().await;
    let endpoint = samples::endpoint("a");
    let number = Partition::of(&endpoint);
    let pull = async |jobs: &JobPartition| {
        let mut pulled = jobs.pull(1, 1024 * 1024, Duration::from_secs(5)).await?;
        pulled.next().await
    };
    bus.publish_job(&samples::job("event_1", &endpoint))
        .await
        .unwrap();
    bus.publish_outcome(&samples::fanout()).await.unwrap();
    let mut outcomes = bus.messages(Reader::RecorderOutcomes, 10).await.unwrap();
    outcomes.next().await;
    let before = bus.partition(number).await.unwrap();
    pull(&before).await.unwrap().unwrap();

    nats.kill();
    nats.restart().await;
    // Whoever looks at the fleet before the senders are back sees what waits for them.
    let states = posthorn_harness::eventually(Duration::from_secs(30), "an answer", async || {
        let states = bus.reader_states().await;
        states.map_err(|error| error.to_string())
    })
    .await;
    let forgotten = states
        .into_iter()
        .find(|state| state.reader == Reader::Sender(number));
    let forgotten = forgotten.unwrap();
    assert_eq!((forgotten.waiting, forgotten.in_flight), (1, 0));
    assert!(forgotten.oldest_at.is_some());

    // What was handed out and not acked comes again at once, and not only after the ack wait.
    let started = std::time::Instant::now();
    assert!(
        pull(&before).await.is_err(),
        "the consumer is gone, and the pull says so"
    );
    let after = bus.partition(number).await.unwrap();
    let message = pull(&after).await.unwrap().unwrap();
    let job = DeliveryJob::decode(message.payload()).unwrap();
    assert_eq!(job, samples::job("event_1", &endpoint));
    assert!(started.elapsed() < Reader::Sender(number).ack_wait());
    let again = tokio::time::timeout(Duration::from_secs(20), outcomes.next());
    let again = Outcome::decode(again.await.unwrap().payload()).unwrap();
    assert_eq!(again, samples::fanout());
}

#[tokio::test]
async fn readers_that_an_earlier_release_kept_on_disk_stay_as_they_are() {
    let nats = TestNats::start().await;
    let bus = crate::connect(&nats).await;
    bus.ensure(&Role::ALL).await.unwrap();
    let inbox = stream(&nats, "INBOX").await;
    let config = async || inbox.get_consumer::<pull::Config>("ingest").await.unwrap();
    let mut earlier = config().await.cached_info().config.clone();
    assert!(earlier.memory_storage);
    earlier.memory_storage = false;
    inbox.delete_consumer("ingest").await.unwrap();
    inbox.create_consumer(earlier).await.unwrap();

    bus.ensure(&Role::ALL).await.unwrap();
    let kept = config().await;
    assert!(!kept.cached_info().config.memory_storage);
}

#[tokio::test]
async fn nobody_there_is_an_error_within_the_time_to_connect() {
    let mut config = posthorn_bus::BusConfig::for_url("nats://127.0.0.1:1");
    config.connect_timeout = Duration::from_millis(300);
    let error = posthorn_bus::Bus::connect(&config, "test")
        .await
        .unwrap_err();
    assert!(matches!(error, BusError::Connect { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "cannot connect to NATS at nats://127.0.0.1:1"
    );
}

#[tokio::test]
async fn a_reader_that_nobody_answered_asks_again_at_once() {
    let (nats, bus) = crate::start().await;
    let mut messages = bus.messages(Reader::Fanout, 10).await.unwrap();
    // As during a change of the stream's leader: the pull meets nobody who knows the consumer.
    let raw = async_nats::connect(nats.url()).await.unwrap();
    let stream = async_nats::jetstream::new(raw)
        .get_stream("EVENTS")
        .await
        .unwrap();
    stream.delete_consumer("fanout").await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(300), messages.next()).await;
    assert!(nothing.is_err(), "a message of a consumer that is gone");

    bus.ensure(&Role::ALL).await.unwrap();
    bus.publish_event(&samples::event("event_1")).await.unwrap();
    let next = tokio::time::timeout(Duration::from_secs(30), messages.next()).await;
    assert_eq!(
        Event::decode(next.unwrap().payload()).unwrap(),
        samples::event("event_1")
    );
}
