//! Accepting, step by step: streams that refuse for a while, callers that go away, keys used again.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use posthorn_chassis::Context;
use posthorn_e2e::{Settings, Streams};
use posthorn_event_schema::{ApplicationSnapshot, EventId, NativeEvent, ProducerKey, Timestamp};
use posthorn_harness::eventually;
use posthorn_ingest::accept::{AcceptError, Acceptor, Key};
use posthorn_ingest::applications::Applications;
use posthorn_ingest::candidate::{Candidate, Identity};
use posthorn_ingest::nats_event::native_candidate;
use posthorn_ingest::{Ingest, IngestConfig};
use posthorn_public_http::TokenKey;

use crate::SOON;

fn settings(streams: &Streams) -> Settings {
    Settings::new(&streams.nats.url(), "postgres://nobody@127.0.0.1:1/none")
}

async fn acceptor(streams: &Streams, context: &Context) -> Acceptor {
    let config = IngestConfig::from_env(&mut settings(streams).env());
    let snapshot = streams.bus.snapshot(&context.shutdown).await.unwrap();
    let applications = Applications::new(snapshot);
    Acceptor::build(&config, &streams.bus, &applications, context)
        .await
        .unwrap()
}

fn application() -> Arc<ApplicationSnapshot> {
    let json = r#"{"v":1,"id":"app_1","organization":"org_1","version":1}"#;
    Arc::new(serde_json::from_str(json).unwrap())
}

fn candidate(data: u32) -> Candidate {
    let json = format!(r#"{{"type":"a","data":{data}}}"#);
    native_candidate(NativeEvent::parse(json.as_bytes(), None).unwrap())
}

fn fresh(id: &str) -> Identity {
    Identity {
        id: EventId::parse(id).unwrap(),
        accepted_at: Timestamp::from_unix_micros(1_700_000_000_000_000),
    }
}

fn request_key(text: &str) -> [Key; 1] {
    [Key::Request(text.to_owned())]
}

/// The process that holds this context ends.
async fn end(context: Context) {
    context.shutdown.trigger();
    assert_eq!(context.shutdown.drain(SOON).await, 0);
}

async fn stored(streams: &Streams, count: u64) {
    eventually(SOON, "the events", async || {
        match streams.count("EVENTS").await {
            stored if stored == count => Ok(()),
            stored => Err(format!("{stored} events")),
        }
    })
    .await;
}

async fn all_marked(streams: &Streams) {
    eventually(SOON, "marked keys", async || {
        let claims = streams.claims().await;
        if claims.iter().all(|claim| claim["published"] == true) {
            Ok(())
        } else {
            Err(format!("{claims:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_producer_key_of_an_event_that_was_never_stored_can_be_used_again() {
    let streams = Streams::start().await;
    let key = ProducerKey::parse("order-1").unwrap();
    let keys = [Key::Producer(key.clone())];
    let order = |data| Candidate {
        producer_key: Some(key.clone()),
        ..candidate(data)
    };
    let context = Context::new();
    let acceptor_1 = acceptor(&streams, &context).await;
    streams.close("EVENTS").await;
    let refused = acceptor_1
        .accept(&application(), order(1), &keys, fresh("event_1"))
        .await
        .unwrap_err();
    assert!(refused.is_transient(), "{refused:?}");
    end(context).await;

    streams.open("EVENTS").await;
    let context = Context::new();
    let acceptor_2 = acceptor(&streams, &context).await;
    let other = acceptor_2
        .accept(&application(), order(2), &keys, fresh("event_2"))
        .await
        .unwrap_err();
    assert!(matches!(other, AcceptError::EventExists), "{other:?}");
    // With a key of the request as well: both must then stand for the one event.
    let both = [Key::Request("r".to_owned()), keys[0].clone()];
    for _ in 0..2 {
        let accepted = acceptor_2
            .accept(&application(), order(1), &both, fresh("event_3"))
            .await
            .unwrap();
        assert_eq!(accepted.event.meta.id.as_str(), "event_1");
    }
    all_marked(&streams).await;
    let again = acceptor_2
        .accept(&application(), order(1), &keys, fresh("event_4"))
        .await
        .unwrap_err();
    assert!(matches!(again, AcceptError::EventExists), "{again:?}");
    stored(&streams, 1).await;
    end(context).await;
}

#[tokio::test]
async fn an_event_with_a_key_that_was_not_stored_in_time_is_stored_later() {
    let streams = Streams::start().await;
    let context = Context::new();
    let acceptor = acceptor(&streams, &context).await;
    streams.close("EVENTS").await;
    let key = request_key("k");
    let refused = acceptor
        .accept(&application(), candidate(1), &key, fresh("event_1"))
        .await
        .unwrap_err();
    assert!(refused.is_transient(), "{refused:?}");
    let keyless = acceptor
        .accept(&application(), candidate(1), &[], fresh("event_2"))
        .await;
    assert!(keyless.is_err(), "nothing can be stored");

    streams.open("EVENTS").await;
    stored(&streams, 1).await;
    all_marked(&streams).await;
    let repeated = acceptor
        .accept(&application(), candidate(1), &key, fresh("event_3"))
        .await
        .unwrap();
    assert!(repeated.duplicate);
    assert_eq!(repeated.event.meta.id.as_str(), "event_1");
    stored(&streams, 1).await;
    end(context).await;
}

#[tokio::test]
async fn a_key_is_marked_however_long_that_takes() {
    let streams = Streams::start().await;
    let context = Context::new();
    let acceptor = acceptor(&streams, &context).await;
    streams.close("EVENTS").await;
    let accepted = acceptor
        .accept(
            &application(),
            candidate(1),
            &request_key("k"),
            fresh("event_1"),
        )
        .await;
    assert!(accepted.is_err(), "nothing can be stored");
    streams.close_keys().await;
    streams.open("EVENTS").await;
    stored(&streams, 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(streams.claims().await[0]["published"], false);

    streams.open_keys().await;
    all_marked(&streams).await;
    end(context).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_at_any_step_leaves_no_stored_event_unmarked() {
    const STEPS: usize = 16;
    let streams = Streams::start().await;
    let context = Context::new();
    let acceptor = acceptor(&streams, &context).await;
    for steps in 1..=STEPS {
        let (application, key) = (application(), request_key(&steps.to_string()));
        let id = fresh(&format!("event_{steps}"));
        let mut accepting = pin!(acceptor.accept(&application, candidate(1), &key, id));
        let mut left = steps;
        poll_fn(|context| {
            left -= 1;
            match accepting.as_mut().poll(context) {
                Poll::Pending if left > 0 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        })
        .await;
    }
    // Whatever was on its way has arrived by now, and is followed by its mark.
    tokio::time::sleep(Duration::from_millis(500)).await;
    eventually(Duration::from_secs(30), "marked keys", async || {
        let events = streams.metas("EVENTS").await;
        let claims = streams.claims().await;
        let unmarked = claims.iter().filter(|claim| {
            claim["published"] == false && events.iter().any(|meta| meta["id"] == claim["event"])
        });
        match unmarked.count() {
            0 => Ok(()),
            unmarked => Err(format!("{unmarked} of {} events", events.len())),
        }
    })
    .await;
    end(context).await;
}

#[tokio::test]
async fn ingest_does_not_start_with_its_door_to_the_inbox_closed() {
    let streams = Streams::start().await;
    let settings = settings(&streams);
    let deleted = streams.producer.jetstream().delete_stream("INBOX").await;
    deleted.unwrap();
    let config = IngestConfig::from_env(&mut settings.env());
    let tokens = TokenKey::from_env(&mut settings.env());
    let context = Context::new();
    let built = Ingest::build(&config, tokens, streams.bus.clone(), &context).await;
    assert!(built.is_err(), "nothing would be read from INBOX");
    end(context).await;
}
