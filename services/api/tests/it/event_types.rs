//! Event types: schemas, feature flags, import.

use posthorn_event_schema::SnapshotKey;
use serde_json::{Value, json};

use crate::world::{World, text};

const SPEC: &str = r##"
openapi: 3.1.0
webhooks:
  file.created:
    post:
      description: A file was created
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/File"}}}}
components:
  schemas:
    File: {type: object, required: [id]}
"##;

#[tokio::test]
async fn a_schema_must_be_one_and_flags_are_several() {
    let world = World::start().await;
    let body = |schema: Value| {
        json!({"name": "a.b", "description": "", "schemas": {"1": schema},
               "featureFlags": ["new", "beta"]})
    };
    let wrong = body(json!({"properties": {"id": {"type": "text"}}}));
    let refused = world.client.post("/event-type", &wrong).await.expect(422);
    assert_eq!(
        refused["detail"][0]["loc"],
        json!(["body", "schemas", "1/properties/id/type"])
    );
    let right = body(json!({"properties": {"id": {"type": "string"}}}));
    let made = world.client.post("/event-type", &right).await.expect(201);
    assert_eq!(made["featureFlag"], json!("new"));
    assert_eq!(made["featureFlags"], json!(["new", "beta"]));
    let old = json!({"featureFlag": "old"});
    let path = "/event-type/a.b";
    let patched = world
        .client
        .call("PATCH", path, Some(&old))
        .await
        .expect(200);
    assert_eq!(patched["featureFlags"], json!(["old"]));
    let open = json!({"featureFlags": null});
    let patched = world
        .client
        .call("PATCH", path, Some(&open))
        .await
        .expect(200);
    assert_eq!(patched["featureFlag"], json!(null));
    world.stop().await;
}

#[tokio::test]
async fn a_portal_cannot_subscribe_to_what_it_does_not_see() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hidden = json!({"name": "hidden", "description": "", "featureFlags": ["beta"]});
    world.client.post("/event-type", &hidden).await.expect(201);
    let endpoint = json!({"url": "https://example.com/", "eventTypes": ["hidden"]});
    let path = "/app/shop/endpoint";
    let refused = world.portal(app.as_str()).post(path, &endpoint).await;
    refused.expect(422);
    world.client.post(path, &endpoint).await.expect(201);
    world.stop().await;
}

#[tokio::test]
async fn event_types_are_imported_from_a_document() {
    let world = World::start().await;
    let path = "/event-type/import/openapi";
    let other = json!({"name": "other", "description": ""});
    world.client.post("/event-type", &other).await.expect(201);

    let dry = json!({"specRaw": SPEC, "dryRun": true, "replaceAll": true});
    let told = world.client.post(path, &dry).await.expect(200);
    assert_eq!(told["data"]["modified"], json!([]));
    assert_eq!(told["data"]["to_modify"][0]["name"], json!("file.created"));
    assert_eq!(
        world.client.get("/event-type").await.column("name"),
        ["other"]
    );

    let real = json!({"specRaw": SPEC, "replaceAll": true});
    let done = world.client.post(path, &real).await.expect(200);
    assert_eq!(
        done,
        json!({"data": {"modified": ["file.created", "other"]}})
    );
    assert_eq!(
        world.client.get("/event-type").await.column("name"),
        ["file.created"]
    );
    let made = world
        .client
        .get("/event-type/file.created")
        .await
        .expect(200);
    assert_eq!(text(&made["description"]), "A file was created");
    let schema = &made["schemas"]["1"];
    assert_eq!(schema["definitions"]["File"]["required"], json!(["id"]));
    let again = world.client.post(path, &real).await.expect(200);
    assert_eq!(again["data"]["modified"], json!([]));

    let spec = json!({"spec": {"x-webhooks": {"other": {"post": {"description": "back"}}}}});
    let done = world.client.post(path, &spec).await.expect(200);
    assert_eq!(done["data"]["modified"], json!(["other"]));
    let names = world.client.get("/event-type").await.column("name");
    assert_eq!(names, ["file.created", "other"]);
    for bad in [json!({}), json!({"specRaw": "a: ["}), json!({"spec": {}})] {
        world.client.post(path, &bad).await.expect(422);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_retry_schedule_is_kept_and_told_to_the_fleet() {
    let world = World::start().await;
    let bucket = world.bus.config_bucket().await.unwrap();
    let told = async || {
        let key = SnapshotKey::parse("type.org_first.a.b").unwrap();
        bucket.versions().await.unwrap().get(&key).copied()
    };
    let event_type = json!({"name": "a.b", "description": ""});
    world
        .client
        .post("/event-type", &event_type)
        .await
        .expect(201);
    let path = "/event-type/a.b/retry-schedule";
    let none = json!({"retrySchedule": null, "timeToLive": null});
    assert_eq!(world.client.get(path).await.expect(200), none);
    assert_eq!(told().await, None);
    let quick = json!({"retrySchedule": [1, 60], "timeToLive": 600});
    let put = world.client.call("PUT", path, Some(&quick)).await;
    assert_eq!(put.expect(200), quick);
    assert_eq!(world.client.get(path).await.expect(200), quick);
    let first = told().await.unwrap();
    world
        .client
        .call("PUT", path, Some(&none))
        .await
        .expect(200);
    assert!(told().await.unwrap() > first);
    let long = json!({"retrySchedule": [172_800]});
    world
        .client
        .call("PUT", path, Some(&long))
        .await
        .expect(422);
    let nothing = "/event-type/b/retry-schedule";
    world
        .client
        .call("PUT", nothing, Some(&none))
        .await
        .expect(404);

    let gone = "/event-type/a.b?expunge=true";
    world.client.call("DELETE", gone, None).await.expect(204);
    assert_eq!(told().await, None);
    world
        .client
        .post("/event-type", &event_type)
        .await
        .expect(201);
    world
        .client
        .call("PUT", path, Some(&quick))
        .await
        .expect(200);
    assert!(told().await.unwrap() > first);
    world.stop().await;
}
