//! Endpoints that are disabled without a person, and what organisations are told of it.

use std::time::Duration;

use posthorn_api::disabling::Disabler;
use posthorn_api::snapshot::SnapshotWriter;
use posthorn_bus::consumer::Messages;
use posthorn_bus::topology::Reader;
use posthorn_chassis::Shutdown;
use posthorn_event_schema::{
    AttemptRecord, EndpointId, Event, Outcome, ReceiverWish, Timestamp, Wish,
};
use posthorn_harness::eventually;
use serde_json::{Value, json};

use crate::sample::{attempt, event};
use crate::world::{World, now, text};

const LONG: Duration = Duration::from_secs(30);
const DAY: u64 = 24 * 3_600;

fn asking(event: &Event, endpoint: &EndpointId, asks: Wish, endpoint_version: i64) -> Outcome {
    let Outcome::Attempt(record) = attempt(event, endpoint, 1, 410, None) else {
        panic!("no attempt");
    };
    let wish = Some(ReceiverWish {
        asks,
        endpoint_version,
    });
    Outcome::Attempt(AttemptRecord { wish, ..record })
}

async fn listen(world: &World) -> Messages {
    let ops = json!({"url": "https://example.com/ops"});
    let made = world
        .client
        .post("/operational-webhook/endpoint", &ops)
        .await;
    made.expect(201);
    let reader = Reader::RecorderEvents;
    world.bus.messages(reader, 10).await.unwrap()
}

/// The next operational event but those of endpoints that were made or changed.
async fn told(messages: &mut Messages) -> (Event, Value) {
    loop {
        let next = tokio::time::timeout(LONG, messages.next()).await;
        let message = next.expect("an operational event");
        let event = Event::decode(message.payload()).unwrap();
        message.ack().await;
        let name = event.meta.event_type.as_str();
        if !matches!(name, "endpoint.created" | "endpoint.updated") {
            let body: Value = serde_json::from_slice(&event.body).unwrap();
            assert_eq!(body["type"], json!(name));
            return (event, body["data"].clone());
        }
    }
}

async fn shown(world: &World) -> Value {
    let answer = world.client.get("/app/shop/endpoint/hook").await;
    answer.expect(200)
}

async fn until_disabled(world: &World) -> Value {
    eventually(LONG, "the endpoint is disabled", async || {
        let endpoint = shown(world).await;
        if endpoint["disabled"] == json!(true) {
            Ok(endpoint)
        } else {
            Err(endpoint.to_string())
        }
    })
    .await
}

#[tokio::test]
async fn a_receivers_wish_disables_its_endpoint_and_its_organization_is_told() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let mut messages = listen(&world).await;
    assert_eq!(shown(&world).await["autoDisabled"], json!(null));
    let event = event(&world, &app, 60);
    let wish = asking(&event, &hook, Wish::Gone, 1);
    world.store.write_outcomes(&[wish]).await.unwrap();

    let endpoint = until_disabled(&world).await;
    let how = &endpoint["autoDisabled"];
    assert_eq!(how["reason"], json!("gone"));
    let (at, since) = (text(&how["at"]), text(&how["failSince"]));
    assert!(since < at, "{how}");
    let (_, data) = told(&mut messages).await;
    assert_eq!(data["msgId"], json!(event.meta.id.as_str()));
    let last = &data["lastAttempt"];
    assert_eq!(last["responseStatusCode"], json!(410));
    assert!(text(&last["id"]).starts_with("atmpt_"), "{last}");
    let (disabled, data) = told(&mut messages).await;
    assert_eq!(disabled.meta.event_type.as_str(), "endpoint.disabled");
    let expected = json!({"appId": app.as_str(), "appUid": "shop", "endpointId": hook.as_str(),
                          "endpointUid": "hook", "failSince": since});
    assert_eq!(data, expected);

    let path = format!("/app/shop/attempt/msg/{}", event.meta.id);
    world.store.write_events(&[event]).await.unwrap();
    let attempts = world.client.get(&path).await.expect(200);
    assert_eq!(attempts["data"][0]["receiverWish"], json!("gone"));
    let enable = json!({"disabled": false});
    let path = "/app/shop/endpoint/hook";
    let enabled = world.client.call("PATCH", path, Some(&enable)).await;
    assert_eq!(enabled.expect(200)["autoDisabled"], json!(null));
    world.stop().await;
}

#[tokio::test]
async fn what_a_crash_left_is_found_again() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let shutdown = Shutdown::new();
    let snapshot = world.bus.snapshot(&shutdown).await.unwrap();
    world.context.shutdown.trigger();
    world.context.shutdown.drain(LONG).await;
    // A process that dies between the commit and telling the fleet.
    let event = event(&world, &app, 60);
    let wish = asking(&event, &hook, Wish::Disable, 1);
    world.store.write_outcomes(&[wish]).await.unwrap();
    let orders = world.store.disable_orders(10).await.unwrap();
    assert!(world.store.carry_out(&orders[0], now()).await.unwrap());
    let known = snapshot.endpoint(&app, &hook).unwrap();
    assert!(!known.disabled);

    let bucket = world.bus.config_bucket().await.unwrap();
    let writer = SnapshotWriter::new(world.store.clone(), bucket);
    let disabler = Disabler::new(world.store.clone(), writer, Duration::ZERO, Vec::new());
    disabler.carry_out(now()).await.unwrap();
    assert_eq!(world.store.disable_orders(10).await.unwrap(), []);
    eventually(LONG, "the fleet knows", async || {
        let entry = snapshot.endpoint(&app, &hook);
        let disabled = entry.is_some_and(|entry| entry.disabled && entry.version == 2);
        if disabled {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    shutdown.trigger();
    world.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_failed_for_days_is_disabled_and_zero_means_never() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let (first, last) = (event(&world, &app, 6 * DAY), event(&world, &app, 4 * DAY));
    let next = Some(now());
    let outcomes = [
        attempt(&first, &hook, 1, 500, next),
        attempt(&last, &hook, 1, 500, None),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();
    let bucket = world.bus.config_bucket().await.unwrap();
    let disabler = |days: u64| {
        let writer = SnapshotWriter::new(world.store.clone(), bucket.clone());
        let after = Duration::from_secs(days * DAY);
        Disabler::new(world.store.clone(), writer, after, Vec::new())
    };
    let pass = async |days: u64, at: Timestamp| {
        disabler(days).look_at_failures(at).await.unwrap();
        world.store.disable_orders(10).await.unwrap().len()
    };
    assert_eq!(pass(0, now()).await, 0);
    assert_eq!(pass(7, now()).await, 0);
    let earlier = now().minus(Duration::from_secs(2 * DAY));
    assert_eq!(pass(5, earlier).await, 0);
    // The API's own process may be faster with carrying it out than we with looking.
    pass(7, now().plus(Duration::from_secs(2 * DAY))).await;
    let endpoint = until_disabled(&world).await;
    let how = &endpoint["autoDisabled"];
    assert_eq!(how["reason"], json!("failures"));
    let since = first.meta.accepted_at.plus(Duration::from_millis(1_012));
    assert_eq!(how["failSince"], json!(since.to_rfc3339_micros()));
    world.stop().await;
}

#[tokio::test]
async fn several_processes_warn_once_of_an_endpoint_that_fails_also_if_they_die() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let mut messages = listen(&world).await;
    world.context.shutdown.trigger();
    world.context.shutdown.drain(LONG).await;
    let (first, last) = (event(&world, &app, 4 * DAY), event(&world, &app, DAY));
    let outcomes = [
        attempt(&first, &hook, 1, 500, Some(now())),
        attempt(&last, &hook, 1, 500, Some(now())),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();
    let bucket = world.bus.config_bucket().await.unwrap();
    let days = |days: u64| Duration::from_secs(days * DAY);
    let looks = (0..8).map(|_| {
        let writer = SnapshotWriter::new(world.store.clone(), bucket.clone());
        let warn_after = vec![days(1), days(3)];
        let disabler = Disabler::new(world.store.clone(), writer, days(5), warn_after);
        async move { disabler.look_at_failures(now()).await.unwrap() }
    });
    futures::future::join_all(looks).await;
    // A process that dies with the notice in its hands.
    let taken = world.store.take_notices(Duration::ZERO, 10).await.unwrap();
    assert_eq!(taken.len(), 1, "{taken:?}");

    let process = world.another_process().await;
    let (failing, data) = told(&mut messages).await;
    assert_eq!(failing.meta.event_type.as_str(), "endpoint.failing");
    let since = first.meta.accepted_at.plus(Duration::from_millis(1_012));
    let disabled = since.plus(days(5)).to_rfc3339_micros();
    let expected = json!({
        "appId": app.as_str(), "appUid": "shop", "endpointId": hook.as_str(), "endpointUid": "hook",
        "failingSince": since.to_rfc3339_micros(), "disableAt": disabled,
    });
    assert_eq!(data, expected);
    eventually(LONG, "nothing left to tell", async || {
        let left = world.store.take_notices(Duration::ZERO, 10).await.unwrap();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
    process.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_notice_that_was_not_told_is_told_later() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let mut messages = listen(&world).await;
    let event = event(&world, &app, 60);
    world.context.shutdown.trigger();
    world.context.shutdown.drain(LONG).await;
    let outcomes = [
        attempt(&event, &hook, 4, 500, Some(now())),
        attempt(&event, &hook, 5, 200, None),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();
    // A process that dies with the notices in its hands.
    let taken = world.store.take_notices(Duration::ZERO, 10).await.unwrap();
    assert_eq!(taken.len(), 2);

    let process = world.another_process().await;
    let (failing, data) = told(&mut messages).await;
    assert_eq!(failing.meta.event_type.as_str(), "message.attempt.failing");
    assert_eq!(data["msgEventId"], json!(null));
    assert_eq!(data["endpointId"], json!(hook.as_str()));
    let (recovered, _) = told(&mut messages).await;
    let name = recovered.meta.event_type.as_str();
    assert_eq!(name, "message.attempt.recovered");
    eventually(LONG, "nothing left to tell", async || {
        let left = world.store.take_notices(Duration::ZERO, 10).await.unwrap();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
    process.stop().await;
    world.stop().await;
}
