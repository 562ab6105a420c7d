//! Applications, endpoints and their secrets.

use std::time::Duration;

use posthorn_chassis::Shutdown;
use posthorn_harness::eventually;
use serde_json::json;

use crate::world::{World, text};

/// A change is there within milliseconds; a reconciler's next pass comes minutes later.
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_endpoint_has_a_secret_that_is_rotated() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let created = world
        .client
        .post(
            "/app/shop/endpoint",
            &json!({"url": "http://Example.com", "uid": "hook"}),
        )
        .await
        .expect(201);
    assert_eq!(created["url"], json!("http://example.com/"));
    assert_eq!(
        (&created["version"], &created["eventTypes"]),
        (&json!(1), &json!(null))
    );
    let path = format!("/app/{app}/endpoint/{}", text(&created["id"]));
    assert_eq!(world.client.get(&path).await.expect(200), created);
    assert_eq!(
        world
            .client
            .get("/app/shop/endpoint/hook")
            .await
            .expect(200),
        created
    );

    let secret = world
        .client
        .get(&format!("{path}/secret"))
        .await
        .expect(200);
    assert!(text(&secret["key"]).starts_with("whsec_"), "{secret}");
    let rotated = world
        .client
        .post(&format!("{path}/secret/rotate"), &json!({}))
        .await;
    assert_eq!((rotated.status, &*rotated.text), (204, ""));
    let newer = world
        .client
        .get(&format!("{path}/secret"))
        .await
        .expect(200);
    assert_ne!(newer, secret);

    let sdk = "user-agent: svix-libs/2.9.1/rust\r\n";
    let rotate = format!("/api/v1{path}/secret/rotate");
    let rotated = world
        .client
        .raw("POST", &rotate, sdk, "{}")
        .await
        .expect(200);
    let newest = world
        .client
        .get(&format!("{path}/secret"))
        .await
        .expect(200);
    assert_eq!(rotated, newest);
    let old_sdk = "user-agent: svix-libs/2.6.0/python\r\n";
    world
        .client
        .raw("POST", &rotate, old_sdk, "{}")
        .await
        .expect(204);

    world.client.call("DELETE", &path, None).await.expect(204);
    world.client.get(&path).await.expect(404);
    world.stop().await;
}

#[tokio::test]
async fn applications_are_listed_in_both_directions() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for uid in ["a", "b", "c", "d", "e"] {
        ids.push(world.application(uid).await.to_string());
    }
    ids.sort();
    let first = world.client.get("/app?limit=2").await;
    assert_eq!(
        (first.column("id"), &first.json()["done"]),
        (ids[..2].to_vec(), &json!(false))
    );
    let next = text(&first.json()["iterator"]).to_owned();
    let second = world
        .client
        .get(&format!("/app?limit=2&iterator={next}"))
        .await;
    assert_eq!(second.column("id"), ids[2..4]);
    let back = text(&second.json()["prevIterator"]).to_owned();
    let again = world
        .client
        .get(&format!("/app?limit=2&iterator={back}"))
        .await;
    assert_eq!(
        (again.column("id"), &again.json()["done"]),
        (ids[..2].to_vec(), &json!(true))
    );
    let last = world
        .client
        .get(&format!("/app?limit=2&iterator={}", ids[3]))
        .await;
    assert_eq!(
        (last.column("id"), &last.json()["done"]),
        (ids[4..].to_vec(), &json!(true))
    );
    let down = world.client.get("/app?limit=1&order=descending").await;
    assert_eq!(down.column("id"), ids[4..]);
    let empty = world.client.get(&format!("/app?iterator={}", ids[4])).await;
    assert_eq!(
        empty.json(),
        json!({"data": [], "iterator": null, "done": true})
    );
    world.stop().await;
}

#[tokio::test]
async fn a_uid_is_taken_once_and_free_again_after_deletion() {
    let world = World::start().await;
    let body = json!({"name": "shop", "uid": "shop"});
    let created = world.client.post("/app", &body).await.expect(201);
    assert_eq!(
        world.client.post("/app", &body).await.expect(409)["code"],
        json!("conflict")
    );
    let again = world
        .client
        .post("/app?get_if_exists=true", &body)
        .await
        .expect(200);
    assert_eq!(again, created);
    world
        .client
        .call("DELETE", "/app/shop", None)
        .await
        .expect(204);
    let newer = world.client.post("/app", &body).await.expect(201);
    assert_ne!(newer["id"], created["id"]);
    world.stop().await;
}

/// The reconciler's pass at the start may explain the first sight of the endpoint. It visits each
/// endpoint once, so what is seen after that was written by the request itself.
#[tokio::test]
async fn the_fleet_learns_of_every_change() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let snapshot = world.bus.snapshot(&shutdown).await.unwrap();
    let app = world.application("shop").await;
    let endpoint = world.endpoint(&app, "hook").await;
    let seen = async |expected: Option<&str>| {
        eventually(LONG, "the change in the snapshot", async || {
            let entry = snapshot.endpoint(&app, &endpoint);
            let url = entry.as_ref().map(|entry| &*entry.url);
            if url == expected {
                Ok(())
            } else {
                Err(format!("{url:?}"))
            }
        })
        .await;
    };
    seen(Some("https://example.com/hook")).await;
    let path = "/app/shop/endpoint/hook";
    let moved = json!({"url": "https://example.com/moved"});
    world
        .client
        .call("PATCH", path, Some(&moved))
        .await
        .expect(200);
    seen(Some("https://example.com/moved")).await;
    world.client.call("DELETE", path, None).await.expect(204);
    seen(None).await;
    shutdown.trigger();
    world.stop().await;
}
