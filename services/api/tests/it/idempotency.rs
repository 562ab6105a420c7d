//! A POST that is repeated with its key changes nothing and is answered alike: at the same moment,
//! by another process, after a restart, after a crash.

use std::time::Duration;

use futures::future::join_all;
use posthorn_event_schema::{ApplicationId, Uid, ksuid};
use posthorn_signing::digest_parts;
use posthorn_store::application::{Metadata, NewApplication};
use posthorn_store::idempotency::{Claimed, NewClaim, Seed};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{World, now, text};

const KEY: &str = "idempotency-key: once\r\n";

async fn create(client: &Client, body: &Value) -> Answer {
    client
        .raw("POST", "/api/v1/app", KEY, &body.to_string())
        .await
}

async fn applications(world: &World) -> usize {
    world.client.get("/app").await.column("id").len()
}

#[tokio::test]
async fn twenty_equal_requests_to_two_processes_make_one_object() {
    let world = World::start().await;
    let other = world.another_process().await;
    let body = json!({"name": "shop"});
    let clients = [&world.client, &other.client];
    let answers = join_all((0..20).map(|n| create(clients[n % 2], &body))).await;
    let first = answers[0].expect(201);
    for answer in &answers {
        assert_eq!(answer.expect(201), first);
        assert!(answer.head.contains("application/json"), "{answer:?}");
    }
    assert_eq!(applications(&world).await, 1);
    other.stop().await;

    // A restart in between, and the other slash form.
    let newer = world.another_process().await;
    let again = newer
        .client
        .raw("POST", "/api/v1/app/", KEY, &body.to_string())
        .await;
    assert_eq!(again.expect(201), first);
    assert_eq!(applications(&world).await, 1);
    newer.stop().await;

    // Another caller's equal key is another key.
    let stranger = create(&world.other_organization(), &body).await.expect(201);
    assert_ne!(stranger["id"], first["id"]);
    world.stop().await;
}

#[tokio::test]
async fn a_key_stands_for_one_body_and_a_refusal_leaves_it_free() {
    let world = World::start().await;
    create(&world.client, &json!({"name": ""}))
        .await
        .expect(422);
    let made = create(&world.client, &json!({"name": "shop"}))
        .await
        .expect(201);
    let refused = create(&world.client, &json!({"name": "bank"})).await;
    assert_eq!(refused.expect(409)["code"], json!("idempotency_conflict"));
    assert_eq!(
        create(&world.client, &json!({"name": "shop"}))
            .await
            .expect(201),
        made
    );
    assert_eq!(applications(&world).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_secret_is_rotated_once_and_the_reply_with_it_is_sealed() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let headers = format!("{KEY}user-agent: svix-libs/2.9.1/rust\r\n");
    let path = "/api/v1/app/shop/endpoint/hook/secret/rotate";
    let first = world
        .client
        .raw("POST", path, &headers, "{}")
        .await
        .expect(200);
    let again = world
        .client
        .raw("POST", path, &headers, "{}")
        .await
        .expect(200);
    assert_eq!(first, again);
    let secret = world.client.get("/app/shop/endpoint/hook/secret").await;
    assert_eq!(secret.expect(200), first);
    world.stop().await;
}

#[tokio::test]
async fn whoever_repeats_a_request_that_died_creates_the_same_object() {
    let world = World::start().await;
    repeat_after_death(&world, false).await;
    world.stop().await;
    let world = World::start().await;
    repeat_after_death(&world, true).await;
    world.stop().await;
}

/// A claim without a reply is what a process leaves that died after the claim; whether it had its
/// effect before it died makes no difference.
async fn repeat_after_death(world: &World, had_effect: bool) {
    let body = json!({"name": "shop", "uid": "shop"});
    let parts = [
        &*world.organization.to_string(),
        &*world.organization.to_string(),
        "POST",
        "/api/v1/app",
        "once",
    ];
    let key = digest_parts(&parts.map(str::as_bytes));
    let request = digest_parts(&[body.to_string().as_bytes()]);
    let seed = Seed {
        at: now(),
        random: [7; 32],
    };
    let claim = NewClaim {
        key: &key,
        request: &request,
        holder: &[1; 16],
        seed,
        lease: Duration::from_millis(1_500),
        kept: Duration::from_secs(60),
    };
    let claimed = world.store.claim_idempotency_key(&claim).await.unwrap();
    assert_eq!(claimed, Claimed::Ours(seed));

    let dice = digest_parts(&[b"minted", &seed.random, b"application"]);
    let random: [u8; ksuid::RANDOM_LEN] = dice[..ksuid::RANDOM_LEN].try_into().unwrap();
    let expected = ApplicationId::generate(seed.at, random);
    if had_effect {
        let new = NewApplication {
            id: expected.clone(),
            organization: world.organization.clone(),
            uid: Some(Uid::parse("shop").unwrap()),
            name: "shop".to_owned(),
            throttle_rate: None,
            metadata: Metadata::new(),
            at: seed.at,
        };
        world.store.create_application(&new).await.unwrap();
    }
    let made = create(&world.client, &body).await.expect(201);
    assert_eq!(text(&made["id"]), expected.as_str());
    assert_eq!(applications(world).await, 1);
}
