//! What the dashboard shows first: figures, what waits, and why a message went where it did.

use std::time::Duration;

use posthorn_event_schema::ApplicationId;
use serde_json::{Value, json};

use crate::sample::{attempt, event, left_out, matched};
use crate::world::{World, now};

/// An application with a message that was delivered at the second attempt, one that waits and one
/// that a disabled endpoint did not get.
async fn three_messages() -> (World, ApplicationId, [String; 3]) {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let events = [120, 61, 62].map(|ago| event(&world, &app, ago));
    world.store.write_events(&events).await.unwrap();
    let later = now().plus(Duration::from_secs(5_000));
    let outcomes = [
        matched(&events[0], &hook),
        matched(&events[1], &hook),
        left_out(&events[2], &hook),
        attempt(&events[0], &hook, 1, 500, Some(now())),
        attempt(&events[0], &hook, 2, 200, None),
        attempt(&events[1], &hook, 1, 404, Some(later)),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();
    while world.store.fold_figures(now()).await.unwrap() {}
    let ids = events.map(|event| event.meta.id.to_string());
    (world, app, ids)
}

#[tokio::test]
async fn an_overview_shows_what_happened_and_what_is_to_come() {
    let (world, app, ids) = three_messages().await;
    for (path, range, buckets, seconds) in [
        ("/app/shop/overview?range=1h", "1h", 60, 60),
        ("/app/shop/overview", "24h", 24, 3_600),
        ("/overview?range=7d", "7d", 84, 7_200),
    ] {
        let shown = world.client.get(path).await.expect(200);
        assert_eq!(shown["range"], json!(range));
        assert_eq!(shown["bucketSeconds"], json!(seconds));
        let list = shown["buckets"].as_array().unwrap();
        assert_eq!(list.len(), buckets);
        let sum = |name: &str| list.iter().map(|b| b[name].as_i64().unwrap()).sum::<i64>();
        let totals = &shown["totals"];
        for (name, expected) in [
            ("messages", 3),
            ("success", 1),
            ("failing", 2),
            ("exhausted", 0),
            ("canceled", 0),
            ("expired", 0),
        ] {
            assert_eq!(
                (sum(name), &totals[name]),
                (expected, &json!(expected)),
                "{name}"
            );
        }
        assert_eq!(totals["attempts"], json!(3));
        assert_eq!(
            (&shown["waiting"], &shown["pastDue"]),
            (&json!(1), &json!(0))
        );
        let p99 = shown["latencyMs"]["p99"].as_f64().unwrap();
        assert!((10.8..13.2).contains(&p99), "12 ms: {shown}");
        let worst = &shown["worstEndpoints"][0];
        assert_eq!(worst["url"], json!("https://example.com/hook"));
        assert_eq!(
            (&worst["failed"], &worst["attempts"]),
            (&json!(2), &json!(3))
        );
        let failures = shown["recentFailures"].as_array().unwrap();
        let of: Vec<&Value> = failures.iter().map(|f| &f["msgId"]).collect();
        assert_eq!(of, [&json!(ids[1]), &json!(ids[0])]);
        assert_eq!(failures[0]["responseStatusCode"], json!(404));
        assert_eq!(failures[0]["appId"], json!(app.as_str()));
    }
    world.client.get("/overview?range=1y").await.expect(422);
    let portal = world.portal(app.as_str());
    portal.get("/app/shop/overview").await.expect(200);
    portal.get("/overview").await.expect(403);
    let other = world
        .other_organization()
        .get("/overview")
        .await
        .expect(200);
    assert_eq!(other["totals"]["attempts"], json!(0));
    assert_eq!(other["latencyMs"], json!(null));
    assert_eq!(other["recentFailures"], json!([]));
    world.stop().await;
}

#[tokio::test]
async fn what_waits_is_listed_by_hour_by_endpoint_and_one_by_one() {
    let (world, app, ids) = three_messages().await;
    for path in ["/app/shop/waiting", "/waiting"] {
        let shown = world.client.get(path).await.expect(200);
        assert_eq!((&shown["total"], &shown["pastDue"]), (&json!(1), &json!(0)));
        let buckets = shown["buckets"].as_array().unwrap();
        assert_eq!((buckets.len(), &buckets[1]["count"]), (48, &json!(1)));
        let endpoint = &shown["endpoints"][0];
        assert_eq!(endpoint["url"], json!("https://example.com/hook"));
        assert_eq!(endpoint["appId"], json!(app.as_str()));
        assert_eq!(shown["moreEndpoints"], json!(false));
    }
    let path = "/app/shop/endpoint/hook/waiting";
    let list = world.client.get(path).await.expect(200);
    let item = &list["data"][0];
    assert_eq!(
        (&item["msgId"], &item["attempts"]),
        (&json!(ids[1]), &json!(1))
    );
    let after = list["iterator"].as_str().unwrap();
    let next = world.client.get(&format!("{path}?iterator={after}")).await;
    assert_eq!(next.expect(200)["data"], json!([]));
    let back = world.client.get(&format!("{path}?iterator=-{after}")).await;
    assert_eq!(back.expect(200)["data"], json!([]));
    world
        .client
        .get(&format!("{path}?iterator=x"))
        .await
        .expect(422);
    let other = world.other_organization();
    other.get(path).await.expect(404);
    assert_eq!(other.get("/waiting").await.expect(200)["total"], json!(0));
    world.portal(app.as_str()).get("/waiting").await.expect(403);
    world.stop().await;
}

#[tokio::test]
async fn a_message_tells_for_each_endpoint_why() {
    let (world, app, ids) = three_messages().await;
    let late = world.endpoint(&app, "late").await;
    let explain = async |id: &str, query: &str| {
        let path = format!("/app/shop/msg/{id}/explain{query}");
        world.client.get(&path).await.expect(200)
    };
    let delivered = explain(&ids[0], "").await;
    let [hook, created_later] = &delivered["data"].as_array().unwrap()[..] else {
        panic!("{delivered}");
    };
    assert_eq!(
        (&hook["verdict"], &hook["reason"]),
        (&json!("matched"), &json!(null))
    );
    assert_eq!(hook["delivery"]["statusText"], json!("success"));
    assert_eq!(hook["delivery"]["attempts"], json!(2));
    assert_eq!(created_later["endpointId"], json!(late.as_str()));
    assert_eq!(created_later["reason"], json!("created_later"));
    assert_eq!(created_later["delivery"], json!(null));

    let waiting = explain(&ids[1], "?limit=1").await;
    assert_eq!(waiting["done"], json!(false));
    assert_eq!(
        waiting["data"][0]["delivery"]["statusText"],
        json!("sending")
    );
    assert!(waiting["data"][0]["delivery"]["nextAttempt"].is_string());
    let next = waiting["iterator"].as_str().unwrap();
    let next = explain(&ids[1], &format!("?limit=1&iterator={next}")).await;
    assert_eq!(next["data"][0]["endpointId"], json!(late.as_str()));
    let back = next["prevIterator"].as_str().unwrap();
    let back = explain(&ids[1], &format!("?limit=1&iterator={back}")).await;
    assert_eq!(back["data"], waiting["data"]);

    let skipped = explain(&ids[2], "").await;
    assert_eq!(skipped["data"][0]["verdict"], json!("not_matched"));
    assert_eq!(skipped["data"][0]["reason"], json!("disabled"));

    // Nobody has decided about this one.
    let undecided = event(&world, &app, 7);
    world
        .store
        .write_events(std::slice::from_ref(&undecided))
        .await
        .unwrap();
    let undecided = explain(undecided.meta.id.as_str(), "").await;
    assert_eq!(undecided["data"][0]["verdict"], json!("unknown"));
    assert_eq!(undecided["data"][0]["reason"], json!("not_decided_yet"));

    let path = format!("/app/shop/endpoint/{late}");
    world.client.call("DELETE", &path, None).await.expect(204);
    assert_eq!(
        explain(&ids[0], "").await["data"].as_array().unwrap().len(),
        1
    );
    world.stop().await;
}
