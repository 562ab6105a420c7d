//! Operational webhooks: their endpoints, and what an organisation is told.

use std::time::Duration;

use posthorn_bus::consumer::Messages;
use posthorn_bus::topology::Reader;
use posthorn_event_schema::{
    ApplicationId, ApplicationRef, EndpointId, Event, EventType, Timestamp, ksuid,
};
use posthorn_signing::digest_parts;
use posthorn_store::application::{ApplicationRow, Metadata};
use posthorn_store::endpoint::{EndpointSettings, NewEndpoint};
use serde_json::{Value, json};

use crate::world::{World, now, text};

const PATH: &str = "/operational-webhook/endpoint";
const LONG: Duration = Duration::from_secs(30);

/// Reads what organisations are told.
async fn listen(world: &World) -> Messages {
    let reader = Reader::RecorderEvents;
    world.bus.messages(reader, 10).await.unwrap()
}

/// The next operational event: its type and data.
async fn told(messages: &mut Messages) -> (String, Value) {
    let next = tokio::time::timeout(LONG, messages.next()).await;
    let message = next.expect("an operational event");
    let event = Event::decode(message.payload()).unwrap();
    message.ack().await;
    let body: Value = serde_json::from_slice(&event.body).unwrap();
    assert_eq!(body["type"], json!(event.meta.event_type.as_str()));
    (text(&body["type"]).to_owned(), body["data"].clone())
}

#[tokio::test]
async fn endpoints_of_operational_webhooks_live_apart() {
    let world = World::start().await;
    let empty = world.client.get(PATH).await;
    assert_eq!(empty.column("id"), [""; 0]);
    let wish = json!({"url": "https://example.com/ops", "uid": "ops",
                      "eventTypes": ["endpoint.created"], "headers": {"X-Team": "blue"}});
    let made = world.client.post(PATH, &wish).await.expect(201);
    assert_eq!(made["eventTypes"], json!(["endpoint.created"]));
    assert_eq!(made["filterTypes"], made["eventTypes"]);
    let one = format!("{PATH}/{}", text(&made["id"]));
    assert_eq!(world.client.get(&one).await.expect(200), made);
    assert_eq!(world.client.get(PATH).await.column("uid"), ["ops"]);
    let stranger = json!({"url": "https://example.com/", "eventTypes": ["file.deleted"]});
    world.client.post(PATH, &stranger).await.expect(422);
    let change = json!({"url": "https://example.com/ops2", "description": "changed"});
    let put = world
        .client
        .call("PUT", &one, Some(&change))
        .await
        .expect(200);
    assert_eq!(
        (&put["uid"], &put["eventTypes"]),
        (&json!(null), &json!(null))
    );

    let headers = format!("{one}/headers");
    let shown = world.client.get(&headers).await.expect(200);
    assert_eq!(
        shown,
        json!({"headers": {"X-Team": "blue"}, "sensitive": []})
    );
    let none = json!({"headers": {}});
    world
        .client
        .call("PUT", &headers, Some(&none))
        .await
        .expect(204);
    assert_eq!(
        world.client.get(&headers).await.expect(200)["headers"],
        json!({})
    );
    let secret = format!("{one}/secret");
    let before = world.client.get(&secret).await.expect(200);
    let sdk = "user-agent: svix-libs/2.9.1/rust\r\n";
    let rotate = format!("/api/v1{secret}/rotate");
    world
        .client
        .raw("POST", &rotate, sdk, "{}")
        .await
        .expect(204);
    assert_ne!(world.client.get(&secret).await.expect(200), before);

    // Nobody finds the application behind them, nor reaches it by its id.
    let app = world.application("shop").await;
    assert_eq!(world.client.get("/app").await.column("id"), [app.as_str()]);
    let elsewhere = format!("/app/shop/endpoint/{}", text(&made["id"]));
    world.client.get(&elsewhere).await.expect(404);
    assert_eq!(
        world.other_organization().get(PATH).await.column("id"),
        [""; 0]
    );
    world.other_organization().get(&one).await.expect(404);
    let portal = world.portal(app.as_str());
    for path in [PATH, &one, &secret] {
        portal.get(path).await.expect(403);
    }
    world.client.call("DELETE", &one, None).await.expect(204);
    world.client.get(&one).await.expect(404);
    world
        .client
        .call("PUT", &one, Some(&change))
        .await
        .expect(404);
    world.stop().await;
}

#[tokio::test]
async fn an_organization_is_told_what_happens_to_its_endpoints() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let mut messages = listen(&world).await;
    // Nobody is told yet.
    let early = world.endpoint(&app, "early").await;
    let ops = json!({"url": "https://example.com/ops"});
    world.client.post(PATH, &ops).await.expect(201);
    let hook = world.endpoint(&app, "hook").await;
    let path = "/app/shop/endpoint/hook";
    let named = |uid: Value| {
        json!({"appId": app.as_str(), "appUid": "shop", "endpointId": hook.as_str(),
               "endpointUid": uid})
    };
    let created = ("endpoint.created".to_owned(), named(json!("hook")));
    assert_eq!(told(&mut messages).await, created);
    let updated = ("endpoint.updated".to_owned(), named(json!("hook")));
    let change = json!({"description": "changed"});
    world
        .client
        .call("PATCH", path, Some(&change))
        .await
        .expect(200);
    assert_eq!(told(&mut messages).await, updated.clone());
    let headers = json!({"headers": {"X-Team": "blue"}});
    let at = format!("{path}/headers");
    world
        .client
        .call("PUT", &at, Some(&headers))
        .await
        .expect(204);
    let rotate = format!("{path}/secret/rotate");
    world.client.post(&rotate, &json!({})).await.expect(204);
    assert_eq!(told(&mut messages).await, updated);
    world.client.call("DELETE", path, None).await.expect(204);
    let deleted = ("endpoint.deleted".to_owned(), named(json!("hook")));
    assert_eq!(told(&mut messages).await, deleted);
    assert_ne!(early, hook);
    world.stop().await;
}

/// An endpoint of a minute ago, stored by a process that died right after.
async fn stored(world: &World, application: &ApplicationRow, name: &str, seconds_ago: u64) {
    let at = now().minus(Duration::from_secs(seconds_ago));
    let new = NewEndpoint {
        id: EndpointId::parse(&format!("ep_{name}")).unwrap(),
        application: application.id.clone(),
        organization: application.organization.clone(),
        settings: EndpointSettings {
            uid: None,
            url: "https://example.com/".to_owned(),
            description: String::new(),
            event_types: None::<Vec<EventType>>,
            channels: None,
            disabled: false,
            throttle_rate: None,
            fifo: false,
            metadata: Metadata::new(),
        },
        sealed_secret: vec![1],
        sealed_headers: None,
        sealed_credentials: None,
        at,
    };
    world.store.create_endpoint(&new).await.unwrap();
}

#[tokio::test]
async fn what_was_not_told_is_told_later() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let shop = ApplicationRef::Id(app.clone());
    let shop = world.store.application(&world.organization, &shop).await;
    let shop = shop.unwrap().unwrap();
    let ops = json!({"url": "https://example.com/ops"});
    let made = world.client.post(PATH, &ops).await.expect(201);
    let gone = format!("{PATH}/{}", text(&made["id"]));
    world.client.call("DELETE", &gone, None).await.expect(204);
    let random = digest_parts(&[b"operational events", b"org_first"]);
    let random = random[..ksuid::RANDOM_LEN].try_into().unwrap();
    let id = ApplicationId::generate(Timestamp::from_unix_micros(0), random);
    let hidden = world
        .store
        .hidden_application(&world.organization, &id)
        .await;
    let hidden = hidden.unwrap().unwrap();

    stored(&world, &shop, "before", 180).await;
    stored(&world, &hidden, "ops", 120).await;
    stored(&world, &shop, "lost", 60).await;
    let process = world.another_process().await;
    let (kind, data) = told(&mut listen(&world).await).await;
    assert_eq!(kind, "endpoint.created");
    assert_eq!(data["endpointId"], json!("ep_lost"));
    process.stop().await;
    world.stop().await;
}
