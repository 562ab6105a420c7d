//! What happened lately at the endpoints of a list.

use std::time::Duration;

use serde_json::json;

use crate::sample::{attempt, event, matched};
use crate::world::{World, now};

/// One delivers, one fails, one has not been asked for days, and one never was.
#[tokio::test]
async fn each_endpoint_of_a_page_shows_its_last_day_and_its_newest_attempt() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let mut endpoints = Vec::new();
    for uid in ["fine", "failing", "quiet", "new"] {
        endpoints.push(world.endpoint(&app, uid).await);
    }
    let [fine, failing, quiet, _new] = &endpoints[..] else {
        panic!("{endpoints:?}");
    };
    let days = 24 * 3_600;
    // Of now, of some hours ago, of five and of nine days ago. No two attempts begin at once: they would
    // have one id.
    let events = [30, 41, 5 * 3_600, 5 * days, 9 * days].map(|ago| event(&world, &app, ago));
    world.store.write_events(&events).await.unwrap();
    let next = Some(now().plus(Duration::from_secs(60)));
    let outcomes = [
        matched(&events[0], fine),
        attempt(&events[0], fine, 1, 200, None),
        attempt(&events[1], fine, 1, 200, None),
        attempt(&events[2], fine, 1, 503, next),
        attempt(&events[1], failing, 2, 500, next),
        attempt(&events[1], failing, 3, 404, None),
        attempt(&events[3], quiet, 1, 200, None),
        attempt(&events[4], quiet, 1, 500, None),
    ];
    world.store.write_outcomes(&outcomes).await.unwrap();
    while world.store.fold_figures(now()).await.unwrap() {}

    let path = "/app/shop/endpoint-activity";
    let oldest_first = format!("{path}?order=ascending");
    let list = world.client.get(&oldest_first).await.expect(200);
    let shown: Vec<_> = list["data"].as_array().unwrap().iter().collect();
    let named: Vec<_> = shown.iter().map(|one| one["endpointId"].clone()).collect();
    let wanted: Vec<_> = endpoints.iter().map(|id| json!(id.as_str())).collect();
    assert_eq!(named, wanted);
    let figures = |at: usize| [&shown[at]["success"], &shown[at]["failed"]];
    assert_eq!(figures(0), [&json!(2), &json!(1)]);
    assert_eq!(figures(1), [&json!(0), &json!(2)]);
    for at in [2, 3] {
        assert_eq!(figures(at), [&json!(0), &json!(0)]);
    }
    let hours = shown[0]["hours"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    let failed = hours.iter().position(|hour| hour["failed"] == json!(1));
    assert!(matches!(failed, Some(17..=18)), "five hours ago: {hours:?}");
    let of_now = hours[22..]
        .iter()
        .map(|hour| hour["success"].as_i64().unwrap());
    assert_eq!(of_now.sum::<i64>(), 2);

    let last = |at: usize| {
        let last = &shown[at]["lastAttempt"];
        (&last["statusText"], &last["responseStatusCode"])
    };
    assert_eq!(last(0), (&json!("success"), &json!(200)));
    assert_eq!(last(1), (&json!("fail"), &json!(404)));
    assert_eq!(last(2), (&json!("success"), &json!(200)));
    assert_eq!(shown[3]["lastAttempt"], json!(null));
    world.stop().await;
}

#[tokio::test]
async fn its_pages_are_those_of_the_endpoints() {
    let world = World::start().await;
    let app = world.application("shop").await;
    for uid in ["a", "b", "c"] {
        world.endpoint(&app, uid).await;
    }
    let mut query = "?limit=2".to_owned();
    for expected in [2, 1] {
        let endpoints = world
            .client
            .get(&format!("/app/shop/endpoint{query}"))
            .await;
        let activity = world
            .client
            .get(&format!("/app/shop/endpoint-activity{query}"))
            .await;
        let (endpoints_page, activity_page) = (endpoints.expect(200), activity.expect(200));
        let ids = activity.column("endpointId");
        assert_eq!(ids.len(), expected);
        assert_eq!(endpoints.column("id"), ids);
        for name in ["iterator", "prevIterator", "done"] {
            assert_eq!(endpoints_page[name], activity_page[name], "{name}");
        }
        query = format!("?limit=2&iterator={}", ids.last().unwrap());
    }
    let other = world.application("other").await;
    let portal = world.portal(other.as_str());
    portal.get("/app/other/endpoint-activity").await.expect(200);
    portal.get("/app/shop/endpoint-activity").await.expect(404);
    world.stop().await;
}

#[tokio::test]
async fn endpoints_are_found_by_a_part_of_what_they_are_called_and_by_whether_they_receive() {
    let world = World::start().await;
    let app = world.application("shop").await;
    for uid in ["alpha", "beta", "50%_off"] {
        let made = json!({"uid": uid.replace('%', "-"), "url": format!("https://example.com/{uid}"),
            "description": format!("The {uid} one"), "disabled": uid == "beta"});
        let path = format!("/app/{app}/endpoint");
        world.client.post(&path, &made).await.expect(201);
    }
    let all = world.client.get("/app/shop/endpoint?order=ascending").await;
    let ids = all.column("id");
    let found = async |query: &str| {
        let of = |list: &str| format!("/app/shop/{list}?order=ascending&{query}");
        let list = world.client.get(&of("endpoint")).await.column("id");
        let activity = world.client.get(&of("endpoint-activity")).await;
        assert_eq!(activity.column("endpointId"), list, "{query}");
        list
    };
    assert_eq!(found("search=THE%20alpha").await, ids[..1]);
    assert_eq!(found("search=example.com").await, ids);
    // Nothing in it has a meaning.
    assert_eq!(found("search=50%25_").await, ids[2..]);
    assert_eq!(found("search=%25%25").await, [""; 0]);
    assert_eq!(found("search=%20").await, ids);
    assert_eq!(found(&format!("search={}", ids[1])).await, ids[1..2]);
    assert_eq!(found("disabled=true").await, ids[1..2]);
    assert_eq!(
        found("disabled=false&search=e").await,
        [&ids[..1], &ids[2..]].concat()
    );
    assert_eq!(found("search=e&limit=2").await, ids[..2]);
    let after = format!("search=e&limit=2&iterator={}", ids[1]);
    assert_eq!(found(&after).await, ids[2..]);
    let long = format!("search={}", "a".repeat(257));
    for (bad, status) in [("disabled=maybe", 400), ("search=%00", 422), (&long, 422)] {
        let path = format!("/app/shop/endpoint?{bad}");
        world.client.get(&path).await.expect(status);
    }
    world.stop().await;
}
