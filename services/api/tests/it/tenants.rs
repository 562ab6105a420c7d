//! Nobody sees, or learns of, what belongs to somebody else.

use serde_json::json;

use crate::client::Client;
use crate::sample::{attempt, event, matched};
use crate::world::World;

/// Every read below an application, with names that exist.
fn reads(app: &str, msg: &str) -> Vec<String> {
    [
        "",
        "/endpoint",
        "/endpoint/hook",
        "/endpoint/hook/secret",
        "/endpoint/hook/headers",
        "/endpoint/hook/msg",
        "/endpoint/hook/stats",
        "/endpoint/hook/attempt-stats",
        "/endpoint/hook/rate-limit-status",
        "/stats/attempts",
        "/attempt/endpoint/hook/count",
        &format!("/msg/{msg}/raw"),
        "/msg",
        &format!("/msg/{msg}"),
        &format!("/msg/{msg}/endpoint"),
        &format!("/msg/{msg}/attempt"),
        &format!("/attempt/msg/{msg}"),
        "/attempt/endpoint/hook",
    ]
    .map(|path| format!("/app/{app}{path}"))
    .to_vec()
}

async fn expect(client: &Client, paths: &[String], status: u16) {
    for path in paths {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_organization_and_a_portal_reach_only_their_own() {
    let world = World::start().await;
    let (shop, bank) = (
        world.application("shop").await,
        world.application("bank").await,
    );
    let hook = world.endpoint(&shop, "hook").await;
    let event = event(&world, &shop, 90);
    let outcomes = [matched(&event, &hook), attempt(&event, &hook, 1, 200, None)];
    world
        .store
        .write_events(std::slice::from_ref(&event))
        .await
        .unwrap();
    world.store.write_outcomes(&outcomes).await.unwrap();
    let msg = event.meta.id.as_str();
    let (portal, stranger) = (world.portal(shop.as_str()), world.other_organization());

    for name in [shop.as_str(), "shop"] {
        let paths = reads(name, msg);
        expect(&world.client, &paths, 200).await;
        expect(&portal, &paths, 200).await;
        expect(&stranger, &paths, 404).await;
        expect(&world.portal(bank.as_str()), &paths, 404).await;
    }
    // A message is found only below its own application.
    let elsewhere = [
        format!("/app/bank/msg/{msg}"),
        format!("/app/bank/attempt/msg/{msg}"),
    ];
    expect(&world.client, &elsewhere, 404).await;

    portal.get("/app").await.expect(403);
    portal
        .post("/app", &json!({"name": "mine"}))
        .await
        .expect(403);
    portal.call("DELETE", "/app/shop", None).await.expect(403);
    assert_eq!(stranger.get("/app").await.column("id"), [""; 0]);
    stranger
        .call("DELETE", &format!("/app/{shop}"), None)
        .await
        .expect(404);
    let resend = format!("/app/{shop}/msg/{msg}/endpoint/hook/resend");
    stranger.call("POST", &resend, None).await.expect(404);
    portal.call("POST", &resend, None).await.expect(202);

    // The same uid is another application for another organisation.
    let other = stranger
        .post("/app", &json!({"name": "x", "uid": "shop"}))
        .await
        .expect(201);
    assert_ne!(other["id"], json!(shop.as_str()));
    assert_eq!(
        world.client.get("/app/shop").await.expect(200)["id"],
        json!(shop.as_str())
    );
    world.stop().await;
}
