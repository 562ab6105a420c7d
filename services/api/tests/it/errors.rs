//! Every answer that is no success is JSON, in Svix's shapes.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn errors_have_svixs_shapes() {
    let world = World::start().await;
    let client = &world.client;
    for stranger in [world.with_token("x.y.z"), world.with_token("")] {
        let refused = stranger.get("/app").await;
        let shape = json!({"code": "authentication_failed", "detail": "Invalid token"});
        assert_eq!(refused.expect(401), shape);
        assert!(
            refused.head.contains("www-authenticate: bearer"),
            "{refused:?}"
        );
    }
    let nothing = client.get("/app/nobody").await;
    let shape = json!({"code": "not_found", "detail": "Entity not found"});
    assert_eq!(nothing.expect(404), shape);
    assert_eq!(
        client.get("/nothing/here").await.expect(404)["code"],
        json!("not_found")
    );
    assert_eq!(
        client.raw("GET", "/else", "", "").await.expect(404)["code"],
        json!("not_found")
    );

    let wrong_method = client.call("DELETE", "/app", None).await;
    assert_eq!(
        wrong_method.expect(405)["code"],
        json!("method_not_allowed")
    );
    assert!(
        wrong_method.head.contains("\r\nallow: "),
        "{wrong_method:?}"
    );

    let no_name = client.post("/app", &json!({})).await.expect(422);
    assert_eq!(no_name["detail"][0]["loc"][0], json!("body"));
    assert!(
        no_name["detail"][0]["msg"]
            .as_str()
            .unwrap()
            .contains("name"),
        "{no_name}"
    );
    assert!(no_name["detail"][0]["type"].is_string(), "{no_name}");
    let not_json = client.raw("POST", "/api/v1/app", "", "{").await.expect(400);
    assert!(
        not_json["code"].is_string() && not_json["detail"].is_string(),
        "{not_json}"
    );
    for (query, name) in [("limit=251", "limit"), ("iterator=nonsense", "iterator")] {
        let refused = client.get(&format!("/app?{query}")).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], json!(["query", name]));
    }
    world.stop().await;
}

#[tokio::test]
async fn an_iterator_that_names_nothing_is_refused() {
    let world = World::start().await;
    world.application("shop").await;
    let refused = world
        .client
        .get("/app/shop/msg?iterator=msg_unknown")
        .await
        .expect(422);
    assert_eq!(refused["detail"][0]["loc"], json!(["query", "iterator"]));
    let refused = world
        .client
        .get("/app/shop/msg?before=yesterday")
        .await
        .expect(400);
    assert_eq!(refused["code"], json!("generic_error"));
    world.stop().await;
}

#[tokio::test]
async fn what_svix_has_and_we_have_not_is_told_apart() {
    let world = World::start().await;
    for (method, path) in [
        ("POST", "/auth/stream-portal-access/a"),
        ("GET", "/app/a/integration/"),
        ("POST", "/msg/broadcast"),
    ] {
        let answer = world.client.call(method, path, None).await;
        assert_eq!(
            answer.expect(501)["code"],
            json!("not_implemented"),
            "{path}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn health_root_and_the_routes_of_ingest_are_served() {
    let world = World::start().await;
    let stranger = world.with_token("");
    for (method, path) in [
        ("GET", "/health"),
        ("HEAD", "/health"),
        ("GET", "/health/"),
        ("GET", "/health/ping"),
    ] {
        let healthy = stranger.call(method, path, None).await;
        assert_eq!(
            (healthy.status, &*healthy.text),
            (204, ""),
            "{method} {path}"
        );
    }
    let root = stranger.raw("GET", "/", "", "").await;
    assert!(
        root.status == 200 && root.text.contains("href=\"/docs\""),
        "{root:?}"
    );
    let docs = stranger.raw("GET", "/docs", "", "").await;
    assert!(
        docs.status == 200 && docs.text.contains("Posthorn"),
        "{docs:?}"
    );
    let created = world.client.post("/app/a/msg", &json!({})).await;
    assert_eq!((created.status, &*created.text), (200, "org_first"));
    world.stop().await;
}
