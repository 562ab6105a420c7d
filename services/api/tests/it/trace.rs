//! Where an event's trace is looked at, and who is told.

use posthorn_event_schema::Outcome;
use serde_json::json;

use crate::sample::{attempt, event, matched};
use crate::world::{TRACE_URL, World, text};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn only_the_operators_browser_learns_where_traces_are() {
    let world = World::start().await;
    for (token, expected) in [
        (world.operator_token(), json!(TRACE_URL)),
        (world.organization_token(), json!(null)),
    ] {
        let body = json!({"apiKey": token}).to_string();
        let origin = "origin: http://test\r\n";
        let path = "/api/v1/auth/session";
        let begun = world.client.raw("POST", path, origin, &body).await;
        assert_eq!(begun.expect(200)["traceUrl"], expected);
        let cookie = format!("cookie: {}\r\n", begun.cookie());
        let anonymous = world.client.anonymous();
        let resumed = anonymous.raw("GET", path, &cookie, "").await;
        assert_eq!(resumed.expect(200)["traceUrl"], expected);
    }
    world.stop().await;
}

#[tokio::test]
async fn messages_and_attempts_name_their_traces() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let mut traced = event(&world, &app, 60);
    traced.meta.trace_id = Some(TRACE.to_owned());
    let untraced = event(&world, &app, 61);
    let Outcome::Attempt(mut record) = attempt(&traced, &hook, 1, 200, None) else {
        panic!("no attempt");
    };
    record.trace_id = Some(TRACE.to_owned());
    let record = Outcome::Attempt(record);
    let events = [traced, untraced];
    world.store.write_events(&events).await.unwrap();
    let outcomes = [matched(&events[0], &hook), record];
    world.store.write_outcomes(&outcomes).await.unwrap();

    let portal = world.portal(app.as_str());
    let message = |at: usize| format!("/app/shop/msg/{}?with_trace=true", events[at].meta.id);
    let shown = portal.get(&message(0)).await.expect(200);
    assert_eq!(shown["traceId"], json!(TRACE));
    let shown = portal.get(&message(1)).await.expect(200);
    assert_eq!(shown.get("traceId"), None, "{shown}");
    let plain = format!("/app/shop/msg/{}", events[0].meta.id);
    let shown = portal.get(&plain).await.expect(200);
    assert_eq!(
        shown.get("traceId"),
        None,
        "as when it was created: {shown}"
    );
    let attempts = format!("/app/shop/attempt/msg/{}", events[0].meta.id);
    let list = portal.get(&attempts).await.expect(200);
    assert_eq!(text(&list["data"][0]["traceId"]), TRACE);
    world.stop().await;
}
