//! Objects that come from elsewhere keep their ids, and coming again changes nothing.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::World;

const APP: &str = "app_1srOrx2ZWZBpBUvZwXKQmoEYga2";
const ENDPOINT: &str = "ep_1srOrx2ZWZBpBUvZwXKQmoEYga3";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const SINCE: &str = "2021-05-01T10:00:00.123456Z";

fn application() -> Value {
    json!({"name": "Shop", "uid": "shop", "throttleRate": 7, "metadata": {"a": "b"},
           "createdAt": SINCE})
}

fn endpoint() -> Value {
    json!({"url": "https://example.com/hook", "uid": "hook", "description": "d", "rateLimit": 9,
           "disabled": true, "filterTypes": ["gone.long.ago"], "channels": ["c:1"],
           "metadata": {"x": "y"}, "secret": SECRET, "headers": {"X-Team": "blue"},
           "createdAt": SINCE})
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn app_path() -> String {
    format!("/import/app/{APP}")
}

fn endpoint_path() -> String {
    format!("/import/app/{APP}/endpoint/{ENDPOINT}")
}

async fn put(client: &Client, path: &str, body: &Value) -> Answer {
    client.call("PUT", path, Some(body)).await
}

/// Imports, and expects this to become of the object.
#[track_caller]
fn became(answer: &Answer, outcome: &str, changed: &[&str], kept: &[&str]) {
    let expected = json!({"outcome": outcome, "changed": changed, "kept": kept});
    assert_eq!(answer.expect(200), expected);
}

#[tokio::test]
async fn an_import_keeps_ids_secrets_headers_and_times() {
    let world = World::start().await;
    let client = &world.client;
    let (app, ep) = (app_path(), endpoint_path());

    // A dry run says what would happen, also of endpoints whose application is still to come.
    for (path, body) in [(&app, application()), (&ep, endpoint())] {
        let answer = put(client, &format!("{path}?dry_run=true"), &body).await;
        became(&answer, "created", &[], &[]);
    }
    client.get("/app/shop").await.expect(404);
    put(client, &ep, &endpoint()).await.expect(404);

    became(
        &put(client, &app, &application()).await,
        "created",
        &[],
        &[],
    );
    let shown = client.get(&format!("/app/{APP}")).await.expect(200);
    assert_eq!(
        (&shown["uid"], &shown["createdAt"], &shown["throttleRate"]),
        (&json!("shop"), &json!(SINCE), &json!(7))
    );
    assert_ne!(shown["updatedAt"], json!(SINCE));

    became(&put(client, &ep, &endpoint()).await, "created", &[], &[]);
    let path = format!("/app/{APP}/endpoint/{ENDPOINT}");
    let shown = client.get(&path).await.expect(200);
    for (field, value) in [
        ("id", json!(ENDPOINT)),
        ("uid", json!("hook")),
        ("description", json!("d")),
        ("throttleRate", json!(9)),
        ("disabled", json!(true)),
        ("eventTypes", json!(["gone.long.ago"])),
        ("channels", json!(["c:1"])),
        ("metadata", json!({"x": "y"})),
        ("createdAt", json!(SINCE)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let secret = client.get(&format!("{path}/secret")).await.expect(200);
    assert_eq!(secret["key"], json!(SECRET));
    let headers = client.get(&format!("{path}/headers")).await.expect(200);
    assert_eq!(headers["headers"], json!({"X-Team": "blue"}));
    world.stop().await;
}

#[tokio::test]
async fn an_import_is_repeated_without_effect() {
    let world = World::start().await;
    let client = &world.client;
    let schemas: Value =
        serde_json::from_str(r#"{"1":{"type":"object","minProperties":1e0,"a":2.50}}"#).unwrap();
    let kind = json!({"description": "A file", "archived": true, "schemas": schemas,
                      "featureFlag": "beta", "createdAt": SINCE});
    let objects = [
        ("/import/event-type/file.deleted".to_owned(), kind),
        (app_path(), application()),
        (endpoint_path(), endpoint()),
    ];
    for (path, body) in &objects {
        became(&put(client, path, body).await, "created", &[], &[]);
    }
    let shown = client.get("/event-type/file.deleted").await.expect(200);
    assert_eq!(
        (
            &shown["createdAt"],
            &shown["archived"],
            &shown["featureFlags"]
        ),
        (&json!(SINCE), &json!(true), &json!(["beta"]))
    );
    let all = async || {
        let mut all = Vec::new();
        let paths = [format!("/app/{APP}"), format!("/app/{APP}/endpoint")];
        for path in paths
            .iter()
            .map(String::as_str)
            .chain(["/event-type/file.deleted"])
        {
            all.push(client.get(path).await.text);
        }
        all
    };
    let before = all().await;
    for (path, body) in &objects {
        became(&put(client, path, body).await, "unchanged", &[], &[]);
        let overwrite = put(client, &format!("{path}?overwrite=true"), body).await;
        became(&overwrite, "unchanged", &[], &[]);
    }
    assert_eq!(all().await, before, "updatedAt included");
    world.stop().await;
}

#[tokio::test]
async fn an_import_takes_over_what_changed_at_the_source_and_keeps_what_changed_here() {
    let world = World::start().await;
    let client = &world.client;
    put(client, &app_path(), &application()).await.expect(200);
    let first = with(endpoint(), "keepHeaders", json!(["Authorization"]));
    put(client, &endpoint_path(), &first).await.expect(200);
    let path = format!("/app/{APP}/endpoint/{ENDPOINT}");

    // Here: the header that the source does not tell is set, and the URL is changed.
    let headers = json!({"headers": {"AUTHORIZATION": "Bearer x"}});
    let patch = format!("{path}/headers");
    client
        .call("PATCH", &patch, Some(&headers))
        .await
        .expect(204);
    became(
        &put(client, &endpoint_path(), &first).await,
        "unchanged",
        &[],
        &[],
    );
    let here = json!({"url": "https://example.com/mine"});
    client.call("PATCH", &path, Some(&here)).await.expect(200);

    // There: the URL, the secret, the headers and a note are changed.
    let there = with(first, "url", json!("https://example.com/theirs"));
    let there = with(there, "secret", json!(OTHER_SECRET));
    let there = with(there, "headers", json!({"X-Team": "red"}));
    let there = with(there, "description", json!("new"));
    let changed = ["description", "headers", "secret"];
    let dry = put(client, &format!("{}?dry_run=true", endpoint_path()), &there).await;
    became(&dry, "updated", &changed, &["url"]);
    let wet = put(client, &endpoint_path(), &there).await;
    became(&wet, "updated", &changed, &["url"]);
    let again = put(client, &endpoint_path(), &there).await;
    became(&again, "unchanged", &[], &["url"]);

    let shown = client.get(&path).await.expect(200);
    assert_eq!(
        (&shown["url"], &shown["description"]),
        (&json!("https://example.com/mine"), &json!("new"))
    );
    let shown = client.get(&format!("{path}/headers")).await.expect(200);
    assert_eq!(
        shown,
        json!({"headers": {"X-Team": "red"}, "sensitive": ["AUTHORIZATION"]})
    );
    let secret = client.get(&format!("{path}/secret")).await.expect(200);
    assert_eq!(secret["key"], json!(OTHER_SECRET));

    // The source wins when it is told to, and without a secret the one here stays.
    let mut there = there;
    there.as_object_mut().unwrap().remove("secret");
    let path = format!("{}?overwrite=true", endpoint_path());
    became(&put(client, &path, &there).await, "updated", &["url"], &[]);
    world.stop().await;
}

#[tokio::test]
async fn an_id_that_is_not_free_is_refused_alike_whoever_has_it() {
    let world = World::start().await;
    let (client, stranger) = (&world.client, &world.other_organization());
    put(client, &app_path(), &application()).await.expect(200);
    put(client, &endpoint_path(), &endpoint()).await.expect(200);

    // Somebody else's, alive.
    let taken = put(stranger, &app_path(), &application()).await;
    assert_eq!(taken.expect(409)["code"], json!("id_taken"));
    let dry = put(
        stranger,
        &format!("{}?dry_run=true", app_path()),
        &application(),
    )
    .await;
    assert_eq!((dry.status, &dry.text), (409, &taken.text));
    put(stranger, &endpoint_path(), &endpoint())
        .await
        .expect(404);
    let own = "app_1srOrx2ZWZBpBUvZwXKQmoEYga9";
    put(stranger, &format!("/import/app/{own}"), &application())
        .await
        .expect(200);
    let path = format!("/import/app/{own}/endpoint/{ENDPOINT}");
    let endpoint_taken = put(stranger, &path, &endpoint()).await;
    assert_eq!(endpoint_taken.expect(409)["code"], json!("id_taken"));
    assert_eq!(
        client.get(&format!("/app/{APP}")).await.expect(200)["name"],
        json!("Shop")
    );

    // One's own, deleted: it does not come back, and the answer is the same.
    client
        .call("DELETE", &format!("/app/{APP}"), None)
        .await
        .expect(204);
    let deleted = put(client, &app_path(), &application()).await;
    assert_eq!((deleted.status, &deleted.text), (409, &taken.text));
    let elsewhere = put(stranger, &app_path(), &application()).await;
    assert_eq!((elsewhere.status, &elsewhere.text), (409, &taken.text));
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_id_and_what_breaks_a_rule_is_refused() {
    let world = World::start().await;
    let client = &world.client;
    let ids = [
        "app_mine",
        "shop",
        ENDPOINT,
        "app_000000000000000000000000000",
    ];
    for id in ids {
        let answer = put(client, &format!("/import/app/{id}"), &application()).await;
        let problem = &answer.expect(422)["detail"][0]["loc"];
        assert_eq!(problem, &json!(["path", "app_id"]), "{id}");
    }
    let future = with(application(), "createdAt", json!("2999-01-01T00:00:00Z"));
    put(client, &app_path(), &future).await.expect(422);
    put(client, &app_path(), &application()).await.expect(200);
    let other = "/import/app/app_1srOrx2ZWZBpBUvZwXKQmoEYga9";
    let same_uid = put(client, other, &application()).await;
    assert_eq!(same_uid.expect(409)["code"], json!("uid_taken"));

    for (field, value) in [
        ("url", json!("https://10.0.0.1/")),
        (
            "secret",
            json!("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),
        ),
        ("headers", json!({"Host": "x"})),
        ("createdAt", json!("yesterday")),
    ] {
        let answer = put(client, &endpoint_path(), &with(endpoint(), field, value)).await;
        let problem = &answer.expect(422)["detail"][0];
        assert_eq!(problem["loc"][1], json!(field));
        assert!(!answer.text.contains("1SiA4o9hyq"), "{}", answer.text);
    }
    world
        .portal(APP)
        .call("PUT", &endpoint_path(), None)
        .await
        .expect(403);
    world.stop().await;
}

#[tokio::test]
async fn an_endpoint_whose_secret_nobody_tells_gets_one_of_its_kind() {
    let world = World::start().await;
    let client = &world.client;
    put(client, &app_path(), &application()).await.expect(200);
    let mut body = endpoint();
    body.as_object_mut().unwrap().remove("secret");
    let body = with(body, "asymmetric", json!(true));
    became(
        &put(client, &endpoint_path(), &body).await,
        "created",
        &[],
        &[],
    );
    became(
        &put(client, &endpoint_path(), &body).await,
        "unchanged",
        &[],
        &[],
    );
    let path = format!("/app/{APP}/endpoint/{ENDPOINT}/secret");
    let shown = client.get(&path).await.expect(200);
    assert!(shown["key"].as_str().unwrap().starts_with("whpk_"));
    world.stop().await;
}
