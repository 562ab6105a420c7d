//! What callers set is checked field by field, and every mistake is told with its place and kind.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::World;

/// The place and the kind of each problem in an answer.
#[track_caller]
fn problems(answer: &Answer) -> Vec<(Value, Value)> {
    let body = answer.expect(422);
    let list = body["detail"].as_array().unwrap();
    list.iter()
        .map(|problem| {
            assert!(problem["msg"].as_str().is_some_and(|msg| !msg.is_empty()));
            (problem["loc"].clone(), problem["type"].clone())
        })
        .collect()
}

#[tokio::test]
async fn bad_urls_are_told_with_their_rule() {
    let world = World::start().await;
    world.application("shop").await;
    let long = format!("https://example.com/{}", "a".repeat(2_048));
    for (url, kind) in [
        ("ftp://example.com", "url.scheme"),
        ("javascript:alert(1)", "url.scheme"),
        ("example.com/hook", "url.scheme"),
        ("https://***:***@example.com", "url.redacted"),
        ("https://example.com:22", "url.port"),
        ("https://example.com:0", "url.port"),
        ("https://localhost/", "url.host"),
        ("https://receiver/", "url.host"),
        ("https://a.svc.cluster.local/", "url.host"),
        ("https://127.0.0.1/", "url.address_not_allowed"),
        ("https://2130706433/", "url.address_not_allowed"),
        ("https://[::ffff:10.0.0.1]/", "url.address_not_allowed"),
        ("https://169.254.169.254/", "url.address_not_allowed"),
        ("https://exa mple.com/", "url.invalid"),
        ("https://example.com/\n", "url.invalid"),
        (&long, "url.too_long"),
    ] {
        let body = json!({"url": url});
        let answer = world.client.post("/app/shop/endpoint", &body).await;
        assert_eq!(
            problems(&answer),
            [(json!(["body", "url"]), json!(kind))],
            "{url}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn bad_headers_are_told_by_name() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let long = "v".repeat(4_097);
    for (name, value, kind) in [
        ("svix-id", "x", "header.forbidden"),
        ("Webhook-Signature", "x", "header.forbidden"),
        ("Host", "x", "header.forbidden"),
        ("Content-Length", "1", "header.forbidden"),
        ("Transfer-Encoding", "chunked", "header.forbidden"),
        ("X Y", "x", "header.invalid_name"),
        ("X-Ä", "x", "header.invalid_name"),
        ("", "x", "header.invalid_name"),
        ("X-A", "a\r\nX-B: b", "header.invalid_value"),
        ("X-A", "ü", "header.invalid_value"),
        ("X-A", &long, "header.too_long"),
    ] {
        let place = json!(["body", "headers", name]);
        let body = json!({"headers": {name: value}});
        for method in ["PUT", "PATCH"] {
            let path = "/app/shop/endpoint/hook/headers";
            let answer = world.client.call(method, path, Some(&body)).await;
            let expected = [(place.clone(), json!(kind))];
            assert_eq!(problems(&answer), expected, "{method} {name}");
        }
        let body = json!({"url": "https://example.com", "headers": {name: value}});
        let answer = world.client.post("/app/shop/endpoint", &body).await;
        assert_eq!(problems(&answer), [(place, json!(kind))], "POST {name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn bad_fields_are_told_all_at_once() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let eleven = vec!["a"; 11];
    let url = "https://example.com";
    for (path, body, places) in [
        ("/app", json!({"name": ""}), vec![json!(["body", "name"])]),
        (
            "/app",
            json!({"name": "a", "uid": "a b"}),
            vec![json!(["body", "uid"])],
        ),
        (
            "/app",
            json!({"name": "a", "uid": "app_1"}),
            vec![json!(["body", "uid"])],
        ),
        (
            "/app",
            json!({"name": "a", "uid": "u".repeat(257)}),
            vec![json!(["body", "uid"])],
        ),
        (
            "/app/shop/endpoint",
            json!({"url": "x", "uid": "ep_1", "channels": ["ok", "a b"], "eventTypes": ["a..b"]}),
            vec![
                json!(["body", "uid"]),
                json!(["body", "url"]),
                json!(["body", "eventTypes", "[0]"]),
                json!(["body", "channels", "[1]"]),
            ],
        ),
        (
            "/app/shop/endpoint",
            json!({"url": url, "channels": eleven}),
            vec![json!(["body", "channels"])],
        ),
        (
            "/app/shop/endpoint",
            json!({"url": url, "throttleRate": 0}),
            vec![json!(["body", "throttleRate"])],
        ),
        (
            "/app/shop/endpoint",
            json!({"url": url, "secret": "whsec_short"}),
            vec![json!(["body", "secret"])],
        ),
        (
            "/event-type",
            json!({"name": "a b", "description": ""}),
            vec![json!(["body", "name"])],
        ),
    ] {
        let mut told: Vec<_> = problems(&world.client.post(path, &body).await)
            .into_iter()
            .map(|(place, _)| place.to_string())
            .collect();
        let mut places: Vec<_> = places.iter().map(Value::to_string).collect();
        told.sort();
        places.sort();
        assert_eq!(told, places, "{path} {body}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_body_is_an_object_and_a_path_is_text() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let rotate = "/app/shop/endpoint/hook/secret/rotate";
    for (path, body) in [
        ("/app", json!(["shop"])),
        ("/app", json!("shop")),
        ("/app/shop/endpoint", json!(["https://example.com"])),
        ("/event-type", json!([])),
        (rotate, json!([])),
    ] {
        let answer = world.client.post(path, &body).await;
        let place = json!(["body"]);
        let told = problems(&answer);
        assert_eq!(told, [(place, json!("value_error.jsondecode"))], "{path}");
    }
    world.client.post(rotate, &json!(null)).await.expect(204);
    for path in ["/app/%ff", "/app/%ff/endpoint/a", "/app/shop/msg/%ff"] {
        let answer = world.client.get(path).await;
        assert_eq!(answer.expect(404)["code"], json!("not_found"), "{path}");
        let json = "\r\ncontent-type: application/json\r\n";
        assert!(answer.head.contains(json), "{answer:?}");
    }
    world.stop().await;
}
