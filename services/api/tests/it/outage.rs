//! Without PostgreSQL the API starts, says that it is not ready, and tells callers to come again.

use std::time::Duration;

use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_chassis::Context;
use posthorn_event_schema::OrganizationId;
use posthorn_harness::{DedicatedPostgres, TestNats, eventually};
use posthorn_public_http::TokenKey;
use posthorn_store::{Store, StoreConfig, migrate::migrate};
use serde_json::json;

use crate::client::Client;
use crate::world::{now, serve};

#[tokio::test]
async fn the_api_starts_without_postgresql_and_serves_once_it_is_there() {
    let (nats, mut postgres) = tokio::join!(TestNats::start(), DedicatedPostgres::start());
    let config = StoreConfig::from_url(&postgres.url()).unwrap();
    migrate(&config).await.unwrap();
    postgres.stop().await;
    let bus = Bus::connect(&BusConfig::for_url(&nats.url()), "test")
        .await
        .unwrap();
    bus.ensure(&Role::ALL).await.unwrap();
    let (tokens, context) = (TokenKey::new("a secret"), Context::new());
    let store = Store::connect(&config).unwrap();
    let address = serve(&tokens, &bus, &store, &context).await;
    let organization = OrganizationId::parse("org_1").unwrap();
    let client = Client::new(address, &tokens.issue_organization(&organization, now()));

    assert!(!context.readiness.is_ready());
    client.get("/health").await.expect(204);
    let refused = client.get("/app/shop/msg").await;
    assert_eq!(refused.expect(503)["code"], json!("unavailable"));
    assert!(refused.head.contains("\r\nretry-after: 1"), "{refused:?}");

    let key = "idempotency-key: once\r\n";
    let refused = client
        .raw("POST", "/api/v1/app", key, r#"{"name":"a"}"#)
        .await;
    assert_eq!(refused.expect(503)["code"], json!("unavailable"));

    postgres.restart().await;
    let long = Duration::from_secs(20);
    eventually(long, "readiness", async || {
        let report = context.readiness.report();
        if report.is_ready() {
            Ok(())
        } else {
            Err(format!("{report:?}"))
        }
    })
    .await;
    client.get("/app/shop/msg").await.expect(404);
    context.shutdown.trigger();
    assert_eq!(context.shutdown.drain(Duration::from_secs(10)).await, 0);
}
