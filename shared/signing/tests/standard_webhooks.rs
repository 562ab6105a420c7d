//! Agreement with the rest of the world: published vectors, and the official library of Standard
//! Webhooks as the judge of what we sign. The SDK of Svix judges whole deliveries in `tests/e2e`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use posthorn_signing::{Delivery, SigningSecret, VerifyKey, sign, verify};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    secret: Option<String>,
    verify_with: String,
    id: String,
    timestamp: i64,
    body: String,
    signature: String,
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/standard-webhooks/vectors.json");
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Fixture>(&text).unwrap().vectors
}

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(elapsed.as_secs()).unwrap()
}

/// What a delivery carries.
fn headers(id: &str, timestamp: i64, signature: &str) -> HeaderMap {
    let timestamp = timestamp.to_string();
    [
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", signature),
    ]
    .into_iter()
    .map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    })
    .collect()
}

#[test]
fn the_published_vectors_are_signed_to_the_byte() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let Some(secret) = vector.secret else {
            continue;
        };
        let secret = SigningSecret::parse(&secret).unwrap();
        let signature = sign(
            &[secret],
            &vector.id,
            vector.timestamp,
            vector.body.as_bytes(),
        );
        assert_eq!(signature, vector.signature);
    }
}

#[test]
fn the_published_vectors_verify() {
    for vector in vectors() {
        let key = VerifyKey::parse(&vector.verify_with).unwrap();
        let delivery = Delivery {
            id: &vector.id,
            timestamp: &vector.timestamp.to_string(),
            body: vector.body.as_bytes(),
            signature: &vector.signature,
        };
        assert_eq!(verify(&key, &delivery, vector.timestamp), Ok(()));
    }
}

#[test]
fn the_standard_webhooks_library_accepts_what_we_sign() {
    let secret = SigningSecret::generate();
    let receiver = standardwebhooks::Webhook::new(&secret.to_text()).unwrap();
    let at = now();
    let signature = sign(
        &[secret, SigningSecret::generate_key_pair()],
        "msg_1",
        at,
        b"{}",
    );
    let headers = headers("msg_1", at, &signature);
    receiver.verify(b"{}", &headers).unwrap();
    assert!(receiver.verify(b"{ }", &headers).is_err());
}

#[test]
fn we_accept_what_the_standard_webhooks_library_signs() {
    let secret = SigningSecret::generate();
    let sender = standardwebhooks::Webhook::new(&secret.to_text()).unwrap();
    let (id, at, body) = ("msg_1", now(), "{\"grüße\":\"✓\"}".as_bytes());
    let delivery = Delivery {
        id,
        timestamp: &at.to_string(),
        body,
        signature: &sender.sign(id, at, body).unwrap(),
    };
    assert_eq!(verify(&VerifyKey::from(&secret), &delivery, at), Ok(()));
}
