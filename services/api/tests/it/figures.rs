//! Figures, examples, and what else is asked about messages and endpoints.

use std::time::Duration;

use posthorn_event_schema::{DeliveryJob, Partition};
use posthorn_harness::eventually;
use serde_json::{Value, json};

use crate::replay::ended;
use crate::sample::{BODY, attempt, event, matched};
use crate::world::{World, now, text};

/// An application with two events: one delivered at the second attempt, one that waits.
async fn two_events() -> (World, [String; 2]) {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let events = [event(&world, &app, 3_600), event(&world, &app, 61)];
    world.store.write_events(&events).await.unwrap();
    let outcomes = [
        matched(&events[0], &hook),
        matched(&events[1], &hook),
        attempt(&events[0], &hook, 1, 500, Some(now())),
        attempt(&events[0], &hook, 2, 200, None),
        attempt(&events[1], &hook, 1, 404, Some(now())),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();
    let ids = events.map(|event| event.meta.id.to_string());
    (world, ids)
}

#[tokio::test]
async fn attempts_are_counted_by_how_they_ended() {
    let (world, _) = two_events().await;
    let get = async |path: &str| world.client.get(path).await.expect(200);
    let hook = "/app/shop/endpoint/hook";
    let stats = json!({"success": 1, "pending": 0, "sending": 1, "fail": 2, "canceled": 0});
    assert_eq!(get(&format!("{hook}/stats")).await, stats);
    let before = now().minus(Duration::from_secs(7_200)).to_rfc3339_micros();
    let earlier = get(&format!("{hook}/stats?until={before}")).await;
    assert_eq!(earlier["fail"], json!(0));
    let attempts = json!({"success": 1, "fail": 2, "canceled": 0});
    assert_eq!(get(&format!("{hook}/attempt-stats")).await, attempts);

    let app = get("/app/shop/stats/attempts").await;
    assert_eq!(app["total_success"], json!(1));
    assert_eq!(app["total_failure"], json!(2));
    let deleted = json!({"success": 1, "failure": 1, "canceled": 0});
    assert_eq!(app["by_event_type"]["file.deleted"], deleted);
    let one = get("/app/shop/stats/attempts?event_types=file.created").await;
    assert_eq!(one["total_success"], json!(0));

    let count =
        async |query: &str| get(&format!("/app/shop/attempt/endpoint/hook/count{query}")).await;
    assert_eq!(count("").await, json!({"count": 3, "approximated": false}));
    assert_eq!(
        count("?status=2&status_code_class=500").await["count"],
        json!(1)
    );
    let limit = get(&format!("{hook}/rate-limit-status")).await;
    assert_eq!(limit, json!({"status": "Ok"}));

    let refused = world
        .client
        .get(&format!("{hook}/stats?since=2020-01-01T00:00:00Z"))
        .await;
    assert_eq!(refused.expect(400)["code"], json!("invalid_range"));
    world.stop().await;
}

#[tokio::test]
async fn applications_are_left_out_and_counted_by_their_endpoints() {
    let world = World::start().await;
    let (idle, busy) = (
        world.application("idle").await,
        world.application("busy").await,
    );
    world.endpoint(&busy, "hook").await;
    let list = async |query: &str| {
        let listed = world.client.get(&format!("/app?{query}")).await;
        listed.column("uid")
    };
    let active = async || {
        world
            .client
            .get("/app/stats/count-active")
            .await
            .expect(200)
    };
    assert_eq!(list("").await, ["idle", "busy"]);
    assert_eq!(list("exclude_apps_with_no_endpoints=true").await, ["busy"]);
    assert_eq!(
        list("exclude_apps_with_disabled_endpoints=true").await,
        ["idle", "busy"]
    );
    assert_eq!(active().await, json!({"count": 1}));

    let off = json!({"disabled": true});
    let path = format!("/app/{busy}/endpoint/hook");
    world
        .client
        .call("PATCH", &path, Some(&off))
        .await
        .expect(200);
    assert_eq!(
        list("exclude_apps_with_disabled_endpoints=true").await,
        ["idle"]
    );
    assert_eq!(active().await, json!({"count": 0}));
    world
        .portal(idle.as_str())
        .get("/app/stats/count-active")
        .await
        .expect(403);
    world.stop().await;
}

#[tokio::test]
async fn an_example_goes_to_one_endpoint_and_into_history() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let schemas = json!({"1": {"type": "object", "examples": [{"n": 1}, {"n": 2}]}});
    let known = json!({"name": "a.b", "description": "", "schemas": schemas});
    world.client.post("/event-type", &known).await.expect(201);
    let bare = json!({"name": "a.c", "description": ""});
    world.client.post("/event-type", &bare).await.expect(201);

    let path = "/app/shop/endpoint/hook/send-example";
    let jobs = world.bus.partition(Partition::of(&hook)).await.unwrap();
    for (body, payload) in [
        (json!({"eventType": "svix.ping"}), json!({"success": true})),
        (json!({"eventType": "a.b"}), json!({"n": 1})),
        (
            json!({"eventType": "a.b", "exampleIndex": 1}),
            json!({"n": 2}),
        ),
    ] {
        let sent = world.client.post(path, &body).await.expect(202);
        assert_eq!(sent["payload"], payload);
        let read = world
            .client
            .get(&format!("/app/shop/msg/{}", text(&sent["id"])))
            .await;
        assert_eq!(read.expect(200), sent);
        let mut batch = jobs
            .pull(1, 1024 * 1024, Duration::from_secs(2))
            .await
            .unwrap();
        let message = batch.next().await.unwrap().unwrap();
        let job = DeliveryJob::decode(message.payload()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&job.body).unwrap(), payload);
        assert_eq!(job.meta.event.as_str(), text(&sent["id"]));
        message.ack().await;
    }
    for body in [
        json!({"eventType": "a.c"}),
        json!({"eventType": "a.b", "exampleIndex": 2}),
    ] {
        let refused = world.client.post(path, &body).await.expect(400);
        assert_eq!(refused["code"], json!("invalid_scheme"));
    }
    let unknown = world.client.post(path, &json!({"eventType": "a.d"})).await;
    unknown.expect(404);
    // Customers test their endpoints, too; but nobody else's.
    let ping = json!({"eventType": "svix.ping"});
    let portal = world.portal(app.as_str());
    portal.post(path, &ping).await.expect(202);
    let other = world.application("other").await;
    let stranger = world.portal(other.as_str());
    stranger.post(path, &ping).await.expect(404);
    world.stop().await;
}

#[tokio::test]
async fn a_precheck_knows_types_channels_and_disabled_endpoints() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let known = json!({"name": "a.b", "description": ""});
    world.client.post("/event-type", &known).await.expect(201);
    let active = async |body: Value| {
        let path = "/app/shop/msg/precheck/active";
        world.client.post(path, &body).await.expect(200)["active"] == json!(true)
    };
    assert!(!active(json!({"eventType": "a.b"})).await);
    let endpoint = json!({"url": "https://example.com/", "uid": "hook", "eventTypes": ["a.b"],
        "channels": ["eu"]});
    world
        .client
        .post(&format!("/app/{app}/endpoint"), &endpoint)
        .await
        .expect(201);
    assert!(active(json!({"eventType": "a.b", "channels": ["us", "eu"]})).await);
    assert!(!active(json!({"eventType": "a.b"})).await);
    assert!(!active(json!({"eventType": "a.c", "channels": ["eu"]})).await);
    let off = json!({"disabled": true});
    world
        .client
        .call("PATCH", "/app/shop/endpoint/hook", Some(&off))
        .await
        .expect(200);
    assert!(!active(json!({"eventType": "a.b", "channels": ["eu"]})).await);
    world.stop().await;
}

#[tokio::test]
async fn messages_are_searched_read_raw_and_expunged_in_numbers() {
    let (world, [old, new]) = two_events().await;
    let search = async |body: Value| world.client.post("/app/shop/msg/search", &body).await;
    let all = search(json!({})).await;
    assert_eq!(all.column("id"), [new.clone(), old.clone()]);
    assert_eq!(all.expect(200)["data"][0]["payload"], json!({}));
    let one = search(json!({"event_types": ["file.deleted"], "with_content": true})).await;
    assert_eq!(
        one.expect(200)["data"][0]["payload"],
        json!({"number": 1.0})
    );
    let next = search(json!({"limit": 1, "iterator": new})).await;
    assert_eq!(next.column("id"), std::slice::from_ref(&old));
    search(json!({"limit": 0})).await.expect(422);

    let raw = world.client.get(&format!("/app/shop/msg/{old}/raw")).await;
    assert_eq!(raw.expect(200), json!({"payload": BODY}));

    let some = json!({"ids": [old, "msg_nothing"]});
    let gone = world.client.post("/app/shop/msg/bulk-expunge", &some).await;
    let results = json!({"results": {old.as_str(): "expunged", "msg_nothing": "not-found"}});
    assert_eq!(gone.expect(200), results);
    world
        .client
        .get(&format!("/app/shop/msg/{old}/raw"))
        .await
        .expect(404);

    let all = world
        .client
        .call("POST", "/app/shop/msg/expunge-all-contents", None)
        .await;
    let task = all.expect(202);
    assert_eq!(task["task"], json!("application.purge_content"));
    let done = ended(&world, &task).await;
    assert_eq!(
        (&done["status"], &done["data"]),
        (&json!("finished"), &json!({"expunged": 1}))
    );
    world
        .client
        .get(&format!("/app/shop/msg/{new}/raw"))
        .await
        .expect(404);
    world.stop().await;
}

#[tokio::test]
async fn usage_is_counted_by_application_and_by_type() {
    let (world, _) = two_events().await;
    world.application("idle").await;
    let app = world.client.get("/app/shop").await.expect(200);
    let shop = text(&app["id"]);
    let since = now().minus(Duration::from_secs(86_400)).to_rfc3339_micros();
    let until = now().to_rfc3339_micros();
    let some = json!({"since": since, "until": until, "appIds": ["shop", "app_nobody"]});
    let asked = world
        .client
        .post("/stats/usage/app", &some)
        .await
        .expect(202);
    assert_eq!(asked["unresolvedAppIds"], json!(["app_nobody"]));
    let done = ended(&world, &asked).await;
    assert_eq!(done["task"], json!("application.stats"));
    let stats = json!([{"appId": shop, "messageDestinations": 2}]);
    assert_eq!(done["data"]["appStats"], stats);

    let all = json!({"since": since, "until": until});
    let asked = world
        .client
        .post("/stats/usage/app", &all)
        .await
        .expect(202);
    let done = ended(&world, &asked).await;
    assert_eq!(done["data"]["appStats"].as_array().unwrap().len(), 2);

    let asked = world
        .client
        .call("PUT", "/stats/usage/event-types", None)
        .await
        .expect(202);
    let done = ended(&world, &asked).await;
    assert_eq!(done["task"], json!("event-type.aggregate"));
    let types = json!({"file.created": 1, "file.deleted": 1});
    assert_eq!(done["data"]["eventTypes"], types);
    let early = json!({"since": until, "until": since});
    world
        .client
        .post("/stats/usage/app", &early)
        .await
        .expect(422);
    world.stop().await;
}

#[tokio::test]
async fn two_processes_share_the_tasks() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let second = posthorn_chassis::Context::new();
    let tokens =
        posthorn_public_http::TokenKey::new("another secret that nobody else knows, 12345");
    crate::world::serve(&tokens, &world.bus, &world.store, &second).await;
    let since = now()
        .minus(Duration::from_secs(10 * 86_400))
        .to_rfc3339_micros();
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let path = "/app/shop/endpoint/hook/recover";
        tasks.push(
            world
                .client
                .post(path, &json!({"since": since}))
                .await
                .expect(202),
        );
    }
    for task in &tasks {
        let done = ended(&world, task).await;
        assert_eq!(done["status"], json!("finished"), "{done}");
    }
    second.shutdown.trigger();
    eventually(
        Duration::from_secs(10),
        "the second API's end",
        async || match second.shutdown.running() {
            0 => Ok(()),
            left => Err(format!("{left} tasks")),
        },
    )
    .await;
    world.stop().await;
}

#[tokio::test]
async fn an_attempts_headers_are_shown_without_credentials() {
    let (world, [old, _]) = two_events().await;
    let attempts = world
        .client
        .get(&format!("/app/shop/attempt/msg/{old}"))
        .await;
    let attempt = attempts.column("id").remove(0);
    let path = format!("/app/shop/msg/{old}/attempt/{attempt}/headers");
    let headers = json!({
        "sentHeaders": {"svix-id": old},
        "responseHeaders": [["server", "shop"]],
        "sensitive": ["x-api-key"],
    });
    assert_eq!(world.client.get(&path).await.expect(200), headers);
    let nothing = format!("/app/shop/msg/{old}/attempt/atmpt_0/headers");
    world.client.get(&nothing).await.expect(404);
    world.stop().await;
}

#[tokio::test]
async fn what_waits_is_called_off_for_the_fleet_and_never_what_is_to_come() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let watch = posthorn_chassis::Context::new();
    let snapshot = world.bus.snapshot(&watch.shutdown).await.unwrap();
    let path = "/app/shop/endpoint/hook/cancel-msgs";
    let cancel = async |before: &str| {
        let body = json!({"createdBefore": before});
        world.client.post(path, &body).await.expect(204);
        snapshot.catch_up(Duration::from_secs(10)).await.unwrap();
        let entry = snapshot.endpoint(&app, &hook).unwrap();
        entry.cancelled_before.unwrap()
    };
    let past = now().minus(Duration::from_secs(60));
    assert_eq!(cancel(&past.to_rfc3339_micros()).await, past);
    let first = cancel("2999-01-01T00:00:00Z").await;
    assert!(first > past && first <= now(), "{first}");
    assert_eq!(
        cancel(&past.to_rfc3339_micros()).await,
        first,
        "it never goes back"
    );
    let nonsense = json!({"createdBefore": "now"});
    world.client.post(path, &nonsense).await.expect(422);
    watch.shutdown.trigger();
    world.stop().await;
}
