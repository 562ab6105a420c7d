//! Portal access: links, tokens, what they may do, and their end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{World, text};

async fn portal(world: &World, wish: &Value) -> Client {
    let path = "/auth/app-portal-access/shop";
    let access = world.client.post(path, wish).await.expect(200);
    world.with_token(text(&access["token"]))
}

async fn expire(world: &World, wish: &Value) {
    let path = "/auth/app/shop/expire-all";
    world.client.post(path, wish).await.expect(204);
}

/// What a link carries.
fn key(url: &str) -> Value {
    let (_, key) = url.split_once("/login#key=").unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap()
}

#[tokio::test]
async fn a_link_carries_a_code_that_gives_the_token_once() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let access = world
        .client
        .call("POST", "/auth/app-portal-access/shop", None)
        .await
        .expect(200);
    let url = text(&access["url"]);
    assert!(url.starts_with("http://test/login#key="), "{url}");
    let key = key(url);
    assert_eq!(key["appId"], json!(app.as_str()));
    let stranger = world.with_token("");
    let code = json!({"oneTimeToken": key["oneTimeToken"]});
    let given = stranger
        .post("/auth/one-time-token", &code)
        .await
        .expect(200);
    assert_eq!(given, json!({"token": access["token"]}));
    stranger
        .post("/auth/one-time-token", &code)
        .await
        .expect(401);
    let made_up = json!({"oneTimeToken": "ott_x"});
    stranger
        .post("/auth/one-time-token", &made_up)
        .await
        .expect(401);

    let portal = world.with_token(text(&access["token"]));
    portal.get("/app/shop/endpoint").await.expect(200);
    portal.get("/app").await.expect(403);
    portal
        .post("/auth/app-portal-access/shop", &json!({}))
        .await
        .expect(403);
    let mut me = portal.get("/auth/whoami").await.expect(200);
    assert!(me["expiresAt"].take().is_string());
    assert_eq!(
        me,
        json!({"envId": "org_first", "appId": app.as_str(), "permissionSource": "SvixJwt",
               "sessionId": null, "operator": false, "expiresAt": null,
               "capabilities": ["ViewBase", "ViewEndpointSecret", "ManageEndpointSecret",
                                "ManageTransformations", "CreateAttempts", "ManageEndpoint"]})
    );
    let me = world.client.get("/auth/whoami").await.expect(200);
    assert_eq!(me["appId"], json!(null));
    let old = world
        .client
        .raw("POST", "/api/v1/auth/dashboard-access/shop/", "", "null")
        .await;
    assert!(old.expect(200)["token"].is_string());
    world.stop().await;
}

#[tokio::test]
async fn portal_access_creates_the_application_that_it_is_told_of() {
    let world = World::start().await;
    let path = "/auth/app-portal-access/new";
    let refused = world.client.post(path, &json!({})).await.expect(404);
    assert_eq!(refused["detail"], json!("Application not found"));
    for (uid, kind) in [
        (json!(null), "application_uid_missing"),
        (json!("other"), "application_uid_mismatch"),
    ] {
        let wish = json!({"application": {"name": "new", "uid": uid}});
        let refused = world.client.post(path, &wish).await.expect(422);
        assert_eq!(refused["detail"][0]["type"], json!(kind));
    }
    let wish = json!({"application": {"name": "new", "uid": "new"}});
    for _ in 0..2 {
        world.client.post(path, &wish).await.expect(200);
    }
    assert_eq!(world.client.get("/app").await.column("uid"), ["new"]);
    let refused = world.client.post(path, &json!({"expiry": 60})).await;
    refused.expect(422);
    world.stop().await;
}

#[tokio::test]
async fn tokens_end_at_once_on_every_process() {
    let world = World::start().await;
    world.application("shop").await;
    let other = world.another_process().await;
    let monday = portal(&world, &json!({"sessionId": "monday"})).await;
    let tuesday = portal(&world, &json!({"sessionId": "tuesday"})).await;
    let plain = portal(&world, &json!({})).await;
    let works = async |portal: &Client, status| {
        for portal in [portal, &other.with(portal)] {
            portal.get("/app/shop").await.expect(status);
            portal.get("/event-type").await.expect(status);
            portal.get("/auth/whoami").await.expect(status);
        }
    };
    works(&monday, 200).await;
    expire(&world, &json!({"sessionIds": ["monday"]})).await;
    works(&monday, 401).await;
    works(&tuesday, 200).await;
    works(&plain, 200).await;

    plain.call("POST", "/auth/logout", None).await.expect(204);
    works(&plain, 401).await;
    works(&tuesday, 200).await;
    world
        .client
        .call("POST", "/auth/logout", None)
        .await
        .expect(403);

    // An end in the future changes nothing yet; one for all ends all, except for newer tokens.
    expire(&world, &json!({"expiry": 3600})).await;
    works(&tuesday, 200).await;
    expire(&world, &json!({})).await;
    works(&tuesday, 401).await;
    let newer = portal(&world, &json!({"sessionId": "monday"})).await;
    works(&newer, 200).await;
    let much = json!({"expiry": 259_201});
    let path = "/auth/app/shop/expire-all";
    world.client.post(path, &much).await.expect(422);
    newer.post(path, &json!({})).await.expect(403);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_portal_may_do_what_its_token_lists() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    let hook = "/app/shop/endpoint/hook";
    let patch = json!({"description": "changed"});
    let endpoint = json!({"url": "https://example.com/"});
    let statuses = async |wish: Value| {
        let portal = portal(&world, &wish).await;
        let rotate = format!("{hook}/secret/rotate");
        let secret = format!("{hook}/secret");
        [
            portal.get(hook).await.status,
            portal.get("/event-type").await.status,
            portal.get(&secret).await.status,
            portal.post(&rotate, &json!({})).await.status,
            portal.call("PATCH", hook, Some(&patch)).await.status,
            portal.post("/app/shop/endpoint", &endpoint).await.status,
            // An unknown message, for those who may resend it.
            portal
                .post("/app/shop/msg/msg_1/endpoint/hook/resend", &json!({}))
                .await
                .status,
        ]
    };
    let everything = [200, 200, 200, 204, 200, 201, 404];
    assert_eq!(statuses(json!({})).await, everything);
    let reading = [200, 200, 403, 403, 403, 403, 403];
    assert_eq!(statuses(json!({"readOnly": true})).await, reading);
    assert_eq!(
        statuses(json!({"capabilities": ["ViewBase"]})).await,
        reading
    );
    let secrets = json!({"capabilities": ["ViewEndpointSecret", "ManageEndpointSecret"]});
    assert_eq!(statuses(secrets).await, [403, 403, 200, 204, 403, 403, 403]);
    let managing = json!({"capabilities": ["ViewBase", "ManageEndpoint", "CreateAttempts"]});
    assert_eq!(
        statuses(managing).await,
        [200, 200, 403, 403, 200, 201, 404]
    );
    let nothing = json!({"capabilities": []});
    assert_eq!(statuses(nothing).await, [403; 7]);
    let refused = json!({"capabilities": ["Everything"]});
    let path = "/auth/app-portal-access/shop";
    world.client.post(path, &refused).await.expect(422);
    world.stop().await;
}

#[tokio::test]
async fn a_portal_sees_the_event_types_that_its_flags_open() {
    let world = World::start().await;
    let app = world.application("shop").await;
    world.endpoint(&app, "hook").await;
    for (name, flag) in [
        ("open.a", json!(null)),
        ("new.b", json!("beta")),
        ("new.c", json!("gamma")),
    ] {
        let schemas = json!({"1": {"type": "object", "examples": [{"n": 1}]}});
        let body =
            json!({"name": name, "description": "", "featureFlag": flag, "schemas": schemas});
        world.client.post("/event-type", &body).await.expect(201);
    }
    let beta = portal(&world, &json!({"featureFlags": ["beta"]})).await;
    assert_eq!(
        beta.get("/event-type").await.column("name"),
        ["new.b", "open.a"]
    );
    beta.get("/event-type/new.b").await.expect(200);
    beta.get("/event-type/new.c").await.expect(404);
    let example = async |name: &str| {
        let body = json!({"eventType": name});
        beta.post("/app/shop/endpoint/hook/send-example", &body)
            .await
            .status
    };
    assert_eq!(example("new.b").await, 202);
    assert_eq!(example("new.c").await, 404);
    let plain = portal(&world, &json!({})).await;
    assert_eq!(plain.get("/event-type").await.column("name"), ["open.a"]);
    plain.get("/event-type/new.b").await.expect(404);
    let all = world.client.get("/event-type").await;
    assert_eq!(all.column("name"), ["new.b", "new.c", "open.a"]);
    world.stop().await;
}

#[tokio::test]
async fn portals_look_as_their_organisation_says() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let plain = json!({"displayName": null, "accentColor": null, "logo": null, "theme": "auto"});
    assert_eq!(world.client.get("/portal-look").await.expect(200), plain);
    let look = json!({"displayName": "Shop", "accentColor": "#1a73e8", "theme": "dark",
                      "logo": "data:image/png;base64,AAAA"});
    let put = async |look: &Value| world.client.call("PUT", "/portal-look", Some(look)).await;
    put(&look).await.expect(200);
    let portal = world.portal(app.as_str());
    let shown = portal.get("/auth/portal-look").await.expect(200);
    for (name, value) in look.as_object().unwrap() {
        assert_eq!(shown[name], *value, "{name}");
    }
    portal.get("/portal-look").await.expect(403);
    portal
        .call("PUT", "/portal-look", Some(&look))
        .await
        .expect(403);
    let other = world.other_organization();
    assert_eq!(other.get("/auth/portal-look").await.expect(200), plain);
    for bad in [
        json!({"displayName": ""}),
        json!({"accentColor": "red; background: url(//evil)"}),
        json!({"logo": "https://example.com/x.png"}),
        json!({"theme": "pink"}),
    ] {
        put(&bad).await.expect(422);
    }
    world.stop().await;
}
