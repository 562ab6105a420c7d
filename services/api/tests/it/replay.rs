//! Replays: which events are delivered once more, and how callers follow it.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, DeliveryJob, EndpointId, Event, Partition, Trigger};
use posthorn_harness::eventually;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::sample::{attempt, event, left_out, matched};
use crate::world::{World, now, text};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A moment so many seconds ago.
fn ago(seconds: u64) -> String {
    now()
        .minus(Duration::from_secs(seconds))
        .to_rfc3339_micros()
}

/// Waits until a task has ended.
pub(crate) async fn ended(world: &World, task: &Value) -> Value {
    let path = format!("/background-task/{}", text(&task["id"]));
    eventually(Duration::from_secs(30), "the task's end", async || {
        let found = world.client.get(&path).await.expect(200);
        if found["status"] == json!("running") {
            return Err(found.to_string());
        }
        Ok(found)
    })
    .await
}

/// What was queued for an endpoint.
async fn queued(world: &World, endpoint: &EndpointId) -> Vec<DeliveryJob> {
    let jobs = world.bus.partition(Partition::of(endpoint)).await.unwrap();
    let wait = Duration::from_secs(1);
    let mut batch = jobs.pull(100, 1024 * 1024, wait).await.unwrap();
    let mut queued = Vec::new();
    while let Some(message) = batch.next().await.unwrap() {
        queued.push(DeliveryJob::decode(message.payload()).unwrap());
        message.ack().await;
    }
    queued
}

/// The events that were queued, by id: within a page they overtake each other.
async fn events_queued(world: &World, endpoint: &EndpointId) -> Vec<String> {
    let jobs = queued(world, endpoint).await;
    assert!(jobs.iter().all(|job| job.meta.trigger == Trigger::Manual));
    let mut ids: Vec<_> = jobs.iter().map(|job| job.meta.event.to_string()).collect();
    ids.sort();
    ids
}

fn ids(events: &[&Event]) -> Vec<String> {
    let mut ids: Vec<_> = events
        .iter()
        .map(|event| event.meta.id.to_string())
        .collect();
    ids.sort();
    ids
}

struct History {
    world: World,
    app: ApplicationId,
    hook: EndpointId,
    delivered: Event,
    exhausted: Event,
    waiting: Event,
    old: Event,
}

/// One event of each fate; the oldest failed twenty days ago.
async fn history() -> History {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let [delivered, exhausted, waiting] = [DAY, 3 * HOUR, HOUR].map(|ago| event(&world, &app, ago));
    let old = event(&world, &app, 20 * DAY);
    let events = [&delivered, &exhausted, &waiting, &old].map(Clone::clone);
    world.store.write_events(&events).await.unwrap();
    let mut outcomes: Vec<_> = events.iter().map(|event| matched(event, &hook)).collect();
    outcomes.push(attempt(&delivered, &hook, 1, 204, None));
    outcomes.push(attempt(&exhausted, &hook, 1, 500, None));
    outcomes.push(attempt(&waiting, &hook, 1, 404, Some(now())));
    outcomes.push(attempt(&old, &hook, 1, 500, None));
    world.store.write_outcomes(&outcomes).await.unwrap();
    History {
        world,
        app,
        hook,
        delivered,
        exhausted,
        waiting,
        old,
    }
}

#[tokio::test]
async fn a_recovery_delivers_what_had_failed_and_tells_how_many() {
    let history = history().await;
    let world = &history.world;
    let path = "/app/shop/endpoint/hook/recover";
    let asked = world
        .client
        .post(path, &json!({"since": ago(13 * DAY)}))
        .await;
    let task = asked.expect(202);
    assert_eq!(task["task"], json!("endpoint.recover"));
    assert!(text(&task["id"]).starts_with("qtask_"), "{task}");

    let done = ended(world, &task).await;
    assert_eq!(done["status"], json!("finished"), "{done}");
    let counts = json!({"total": 1, "sent": 1, "withoutPayload": 0});
    assert_eq!(done["data"], counts);
    let sent = events_queued(world, &history.hook).await;
    assert_eq!(sent, ids(&[&history.exhausted]));
    history.world.stop().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_is_one_replay() {
    let history = history().await;
    let world = &history.world;
    let path = "/api/v1/app/shop/endpoint/hook/recover";
    let body = json!({"since": ago(DAY)}).to_string();
    let key = "idempotency-key: auto_1\r\n";
    let one = world.client.raw("POST", path, key, &body).await.expect(202);
    let same = world.client.raw("POST", path, key, &body).await.expect(202);
    assert_eq!(one["id"], same["id"]);
    let other = world.client.raw("POST", path, "", &body).await.expect(202);
    assert_ne!(one["id"], other["id"]);
    for task in [&one, &other] {
        ended(world, task).await;
    }
    // Each wish is a delivery of its own.
    let sent = events_queued(world, &history.hook).await;
    assert_eq!(sent, ids(&[&history.exhausted, &history.exhausted]));
    history.world.stop().await;
}

#[tokio::test]
async fn what_never_went_to_an_endpoint_goes_there_by_its_subscription_of_now() {
    let history = history().await;
    let world = &history.world;
    let known = json!({"name": "file.deleted", "description": ""});
    world.client.post("/event-type", &known).await.expect(201);
    let late =
        json!({"url": "https://example.com/", "uid": "late", "eventTypes": ["file.deleted"]});
    let made = world.client.post("/app/shop/endpoint", &late).await;
    let late = EndpointId::parse(text(&made.expect(201)["id"])).unwrap();
    // Of another type; not decided yet; left out because it was disabled then.
    let odd = event(world, &history.app, 2 * HOUR + 1);
    let undecided = event(world, &history.app, 100);
    let disabled_then = event(world, &history.app, 200);
    let events = [odd.clone(), undecided, disabled_then.clone()];
    world.store.write_events(&events).await.unwrap();
    let outcomes = [
        matched(&odd, &history.hook),
        left_out(&disabled_then, &late),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();

    let path = "/app/shop/endpoint/late/replay-missing";
    let task = world
        .client
        .post(path, &json!({"since": ago(2 * DAY)}))
        .await;
    let done = ended(world, &task.expect(202)).await;
    assert_eq!(done["task"], json!("endpoint.replay"));
    assert_eq!(done["data"]["sent"], json!(4), "{done}");
    let sent = events_queued(world, &late).await;
    let History {
        delivered,
        exhausted,
        waiting,
        ..
    } = &history;
    assert_eq!(sent, ids(&[delivered, exhausted, waiting, &disabled_then]));
    history.world.stop().await;
}

#[tokio::test]
async fn a_bulk_replay_delivers_what_its_filters_select() {
    let history = history().await;
    let world = &history.world;
    let History {
        delivered,
        exhausted,
        waiting,
        old,
        ..
    } = &history;
    let (since, until) = (ago(25 * DAY), ago(12 * DAY));
    let cases = [
        (json!({"since": since, "until": until}), vec![old]),
        (
            json!({"since": ago(2 * DAY)}),
            vec![delivered, exhausted, waiting],
        ),
        (json!({"since": ago(2 * DAY), "status": 0}), vec![delivered]),
        (json!({"since": ago(2 * DAY), "status": 3}), vec![waiting]),
        (
            json!({"since": ago(2 * DAY), "statusCodeClass": 400}),
            vec![waiting],
        ),
        (
            json!({"since": ago(2 * DAY), "eventTypes": ["file.created"]}),
            vec![],
        ),
        (json!({"since": ago(2 * DAY), "tag": "none"}), vec![]),
        (json!({"since": ago(2 * DAY), "channel": "none"}), vec![]),
    ];
    for (body, expected) in cases {
        let path = "/app/shop/endpoint/hook/bulk-replay";
        let task = world.client.post(path, &body).await.expect(202);
        let done = ended(world, &task).await;
        assert_eq!(done["status"], json!("finished"), "{done}");
        let sent = events_queued(world, &history.hook).await;
        assert_eq!(sent, ids(&expected), "{body}");
    }
    history.world.stop().await;
}

#[tokio::test]
async fn spans_and_filters_that_make_no_sense_are_refused() {
    let history = history().await;
    let world = &history.world;
    for (name, body, field) in [
        ("recover", json!({"since": ago(15 * DAY)}), "since"),
        ("recover", json!({"since": "yesterday"}), "since"),
        (
            "recover",
            json!({"since": ago(1), "until": ago(60)}),
            "since",
        ),
        (
            "replay-missing",
            json!({"since": ago(1), "until": "x"}),
            "until",
        ),
        (
            "bulk-replay",
            json!({"since": ago(1), "status": 5}),
            "status",
        ),
        (
            "bulk-replay",
            json!({"since": ago(1), "statusCodeClass": 404}),
            "statusCodeClass",
        ),
        (
            "bulk-replay",
            json!({"since": ago(1), "channel": "a b"}),
            "channel",
        ),
    ] {
        let path = format!("/app/shop/endpoint/hook/{name}");
        let refused = world.client.post(&path, &body).await.expect(422);
        assert_eq!(
            refused["detail"][0]["loc"],
            json!(["body", field]),
            "{name}"
        );
    }
    let nobody = "/app/shop/endpoint/nobody/recover";
    let body = json!({"since": ago(1)});
    world.client.post(nobody, &body).await.expect(404);
    history.world.stop().await;
}

#[tokio::test]
async fn tasks_are_listed_for_those_whom_they_concern() {
    let history = history().await;
    let world = &history.world;
    world.application("bank").await;
    let body = json!({"since": ago(DAY)});
    let mut tasks = Vec::new();
    for name in ["recover", "replay-missing"] {
        let path = format!("/app/shop/endpoint/hook/{name}");
        let task = world.client.post(&path, &body).await.expect(202);
        ended(world, &task).await;
        tasks.push(text(&task["id"]).to_owned());
    }
    let newest_first = [tasks[1].clone(), tasks[0].clone()];
    let listed = async |query: &str| {
        let answer = world.client.get(&format!("/background-task{query}")).await;
        answer.column("id")
    };
    assert_eq!(listed("").await, newest_first);
    assert_eq!(listed("?order=ascending").await, tasks);
    assert_eq!(
        listed("?task=endpoint.recover&status=finished").await,
        tasks[..1]
    );
    assert_eq!(listed("?status=failed").await, [""; 0]);
    assert_eq!(listed("?task=message.broadcast").await, [""; 0]);
    assert_eq!(
        listed(&format!("?limit=1&iterator={}", tasks[1])).await,
        tasks[..1]
    );
    for query in ["?status=done", "?task=nothing", "?iterator=app_1"] {
        world
            .client
            .get(&format!("/background-task{query}"))
            .await
            .expect(422);
    }

    let path = format!("/background-task/{}", tasks[0]);
    let portal = world.portal(history.app.as_str());
    portal.get(&path).await.expect(200);
    assert_eq!(
        portal.get("/background-task").await.column("id"),
        newest_first
    );
    let bank = world.client.get("/app/bank").await.expect(200);
    for stranger in [world.portal(text(&bank["id"])), world.other_organization()] {
        stranger.get(&path).await.expect(404);
        assert_eq!(stranger.get("/background-task").await.column("id"), [""; 0]);
    }
    world
        .client
        .get("/background-task/qtask_0")
        .await
        .expect(404);
    history.world.stop().await;
}

#[tokio::test]
async fn a_task_for_an_endpoint_that_was_deleted_fails_with_the_reason() {
    let history = history().await;
    let world = &history.world;
    let path = "/app/shop/endpoint/hook/recover";
    let task = world
        .client
        .post(path, &json!({"since": ago(DAY)}))
        .await
        .expect(202);
    ended(world, &task).await;
    // As if it had been deleted before the task began.
    world
        .client
        .call("DELETE", "/app/shop/endpoint/hook", None)
        .await
        .expect(204);
    let row = world
        .store
        .task(&world.organization, &task_id(&task))
        .await
        .unwrap()
        .unwrap();
    let again = posthorn_store::task::NewTask {
        id: posthorn_event_schema::TaskId::generate(now(), [3; 15]),
        organization: row.organization,
        application: row.application,
        kind: row.kind,
        parameters: row.parameters,
        data: json!({}),
        request_key: None,
        at: now(),
    };
    world.store.create_task(&again).await.unwrap();
    let done = ended(world, &json!({"id": again.id.as_str()})).await;
    assert_eq!(done["status"], json!("failed"));
    assert_eq!(done["data"]["error"], json!("the endpoint was deleted"));
    history.world.stop().await;
}

/// Pauses, resumes or cancels a task.
async fn tell(client: &Client, task: &Value, order: &str) -> Answer {
    let path = format!("/background-task/{}/{order}", text(&task["id"]));
    client.post(&path, &json!({})).await
}

/// A bulk replay that counts and waits.
async fn preview(world: &World) -> Value {
    let path = "/app/shop/endpoint/hook/bulk-replay";
    let wish = json!({"since": ago(DAY), "preview": true});
    let task = world.client.post(path, &wish).await.expect(202);
    let path = format!("/background-task/{}", text(&task["id"]));
    eventually(Duration::from_secs(30), "the count", async || {
        let found = world.client.get(&path).await.expect(200);
        if found["paused"] != json!(true) {
            return Err(found.to_string());
        }
        assert_eq!(found["status"], json!("running"));
        assert_eq!(found["data"]["sent"], json!(0));
        Ok(found)
    })
    .await
}

#[tokio::test]
async fn a_preview_counts_and_delivers_once_somebody_wants_it() {
    let history = history().await;
    let world = &history.world;
    let task = preview(world).await;
    assert_eq!(task["data"]["total"], json!(2));
    assert!(queued(world, &history.hook).await.is_empty());

    let elsewhere = world.other_organization();
    for order in ["pause", "resume", "cancel"] {
        tell(&elsewhere, &task, order).await.expect(404);
    }
    let resumed = tell(&world.client, &task, "resume").await.expect(200);
    assert_eq!(resumed["paused"], json!(false));
    let done = ended(world, &task).await;
    assert_eq!(done["data"]["sent"], json!(2));
    assert_eq!(events_queued(world, &history.hook).await.len(), 2);
    // What has ended can neither be paused nor cancelled.
    for order in ["pause", "cancel"] {
        let still = tell(&world.client, &task, order).await.expect(200);
        assert_eq!(still["status"], json!("finished"));
        assert_eq!(still["paused"], json!(false));
    }
    history.world.stop().await;
}

#[tokio::test]
async fn a_task_that_is_cancelled_goes_no_further() {
    let history = history().await;
    let world = &history.world;
    let task = preview(world).await;
    let path = format!("/background-task/{}", text(&task["id"]));
    let cancelled = tell(&world.client, &task, "cancel").await.expect(200);
    assert_eq!(cancelled["status"], json!("failed"));
    assert_eq!(cancelled["data"]["error"], json!("it was cancelled"));
    assert_eq!(cancelled["data"]["total"], json!(2));
    tell(&world.client, &task, "resume").await.expect(200);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(queued(world, &history.hook).await.is_empty());
    assert_eq!(
        world.client.get(&path).await.expect(200)["status"],
        json!("failed")
    );
    history.world.stop().await;
}

fn task_id(task: &Value) -> posthorn_event_schema::TaskId {
    posthorn_event_schema::TaskId::parse(text(&task["id"])).unwrap()
}
