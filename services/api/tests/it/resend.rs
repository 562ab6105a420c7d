//! Delivering a message once more.

use std::time::Duration;

use posthorn_event_schema::{DeliveryJob, Partition, Trigger};
use serde_json::json;

use crate::sample::{BODY, event};
use crate::world::World;

const KEY: &str = "idempotency-key: auto_9f6ad9f3-8d5a-4f0c-a52a-7f3c1f2b8a11\r\n";

#[tokio::test]
async fn a_resend_enqueues_one_manual_delivery_per_wish() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let endpoint = world.endpoint(&app, "hook").await;
    let event = event(&world, &app, 30);
    world
        .store
        .write_events(std::slice::from_ref(&event))
        .await
        .unwrap();
    let path = format!(
        "/api/v1/app/shop/msg/{}/endpoint/hook/resend",
        event.meta.id
    );

    // An SDK repeats a request whose answer was lost with the same key.
    for _ in 0..2 {
        let answer = world.client.raw("POST", &path, KEY, "").await;
        assert_eq!(answer.expect(202), json!({}));
    }
    world.client.raw("POST", &path, "", "").await.expect(202);

    let jobs = world.bus.partition(Partition::of(&endpoint)).await.unwrap();
    let mut batch = jobs
        .pull(10, 1024 * 1024, Duration::from_secs(2))
        .await
        .unwrap();
    let mut deliveries = Vec::new();
    while let Some(message) = batch.next().await.unwrap() {
        let job = DeliveryJob::decode(message.payload()).unwrap();
        assert_eq!(
            (job.meta.trigger, &*job.body),
            (Trigger::Manual, BODY.as_bytes())
        );
        assert_eq!(
            (&job.meta.endpoint, &job.meta.event),
            (&endpoint, &event.meta.id)
        );
        deliveries.push(job.meta.delivery);
        message.ack().await;
    }
    assert_eq!(deliveries.len(), 2, "{deliveries:?}");
    assert_ne!(deliveries[0], deliveries[1]);
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_resent() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let event = event(&world, &app, 120);
    let path =
        |endpoint: &str| format!("/app/shop/msg/{}/endpoint/{endpoint}/resend", event.meta.id);
    world
        .client
        .call("POST", &path("hook"), None)
        .await
        .expect(404);
    world
        .store
        .write_events(std::slice::from_ref(&event))
        .await
        .unwrap();
    world
        .client
        .call("POST", &path("another"), None)
        .await
        .expect(404);

    let content = format!("/app/shop/msg/{}/content", event.meta.id);
    world
        .client
        .call("DELETE", &content, None)
        .await
        .expect(204);
    let refused = world.client.call("POST", &path("hook"), None).await;
    assert_eq!(refused.expect(400)["code"], json!("missing_payload"));
    world.stop().await;
}
