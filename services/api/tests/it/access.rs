//! API keys, and browsers that sign in.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{World, now, text};

async fn new_key(world: &World, wish: &Value) -> (String, String) {
    let made = world.client.post("/api-key", wish).await.expect(201);
    (text(&made["id"]).to_owned(), text(&made["key"]).to_owned())
}

/// A browser: what it was given, and how it calls.
struct Browser {
    client: Client,
    cookie: String,
    csrf: String,
}

impl Browser {
    async fn sign_in(client: &Client, key: &str) -> Self {
        let body = json!({"apiKey": key}).to_string();
        let answer = client
            .raw(
                "POST",
                "/api/v1/auth/session",
                "origin: http://test\r\n",
                &body,
            )
            .await;
        let csrf = text(&answer.expect(200)["csrfToken"]).to_owned();
        let line = answer.head.lines().find(|l| l.starts_with("set-cookie: "));
        let line = line.unwrap();
        assert!(line.contains("; httponly; samesite=strict"), "{line}");
        Self {
            client: client.anonymous(),
            // Read again as it was sent: heads are shown in lower case.
            cookie: answer.cookie(),
            csrf,
        }
    }

    async fn call(&self, method: &str, path: &str, more: &str) -> Answer {
        let headers = format!("cookie: {}\r\n{more}", self.cookie);
        let path = format!("/api/v1{path}");
        self.client.raw(method, &path, &headers, "").await
    }

    fn with_token(&self) -> String {
        format!("posthorn-csrf: {}\r\n", self.csrf)
    }
}

#[tokio::test]
async fn a_key_speaks_for_its_organisation_until_it_is_ended() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let other = world.another_process().await;
    let (id, key) = new_key(&world, &json!({"name": "ci"})).await;
    let caller = world.with_token(&key);
    caller.get("/app/shop").await.expect(200);
    // Ingest's routes take it as well.
    let sent = caller.post("/app/shop/msg", &json!({})).await;
    assert_eq!((sent.status, &*sent.text), (200, "org_first"), "{sent:?}");
    let me = caller.get("/auth/whoami").await.expect(200);
    assert_eq!(me["permissionSource"], json!("ApiKey"));
    assert_eq!(me["envId"], json!("org_first"));

    let listed = world.client.get("/api-key").await.expect(200);
    let shown = &listed["data"][0];
    assert_eq!(shown["id"], json!(id));
    assert!(key.starts_with(text(&shown["prefix"])) && key.len() > 40);
    assert!(
        shown["lastUsedAt"].is_string() && shown.get("key").is_none(),
        "{shown}"
    );
    assert!(!listed.to_string().contains(&key));
    let stranger = world.other_organization();
    assert_eq!(
        stranger.get("/api-key").await.expect(200)["data"],
        json!([])
    );
    let path = format!("/api-key/{id}");
    stranger.call("DELETE", &path, None).await.expect(404);
    let portal = world.portal(app.as_str());
    portal.get("/api-key").await.expect(403);
    portal
        .post("/api-key", &json!({"name": "x"}))
        .await
        .expect(403);

    world.client.call("DELETE", &path, None).await.expect(204);
    for caller in [&caller, &other.with(&caller)] {
        caller.get("/app/shop").await.expect(401);
        caller.post("/app/shop/msg", &json!({})).await.expect(401);
        // What serves anyone serves those with an ended key.
        caller.get("/health").await.expect(204);
    }
    world.client.call("DELETE", &path, None).await.expect(404);
    world
        .with_token("phk_made-up")
        .get("/app")
        .await
        .expect(401);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn keys_end_by_themselves_and_are_not_without_number() {
    let world = World::start().await;
    let soon = now().plus(Duration::from_millis(400)).to_rfc3339_micros();
    let (_, key) = new_key(&world, &json!({"name": "short", "expiresAt": soon})).await;
    let caller = world.with_token(&key);
    caller.get("/app").await.expect(200);
    tokio::time::sleep(Duration::from_millis(600)).await;
    caller.get("/app").await.expect(401);
    assert_eq!(
        world.client.get("/api-key").await.expect(200)["data"],
        json!([])
    );
    for bad in [
        json!({"name": ""}),
        json!({"name": "x", "expiresAt": "2020-01-01T00:00:00Z"}),
        json!({"name": "x", "expiresAt": "tomorrow"}),
    ] {
        world.client.post("/api-key", &bad).await.expect(422);
    }
    for number in 0..100 {
        let wish = json!({"name": number.to_string()});
        world.client.post("/api-key", &wish).await.expect(201);
    }
    let refused = world.client.post("/api-key", &json!({"name": "x"})).await;
    assert_eq!(refused.expect(409)["code"], json!("too_many_api_keys"));
    let first = world.client.get("/api-key?limit=60").await.expect(200);
    let after = text(&first["iterator"]);
    let path = format!("/api-key?limit=60&iterator={after}");
    let rest = world.client.get(&path).await.expect(200);
    let pages = [&first, &rest].map(|page| page["data"].as_array().unwrap());
    assert_eq!(pages.map(Vec::len), [60, 40]);
    // Newest first, but those of one millisecond in any order: each stands on one page.
    let names = pages.into_iter().flatten().map(|key| text(&key["name"]));
    let all: BTreeSet<u32> = names.map(|name| name.parse().unwrap()).collect();
    assert_eq!(all, (0..100).collect());
    world.stop().await;
}

#[tokio::test]
async fn a_browser_signs_in_and_out() {
    let world = World::start().await;
    world.application("shop").await;
    let (id, key) = new_key(&world, &json!({"name": "me"})).await;
    let browser = Browser::sign_in(&world.client, &key).await;
    let token = browser.with_token();
    browser.call("GET", "/app/shop", &token).await.expect(200);
    let me = browser
        .call("GET", "/auth/whoami", &token)
        .await
        .expect(200);
    assert_eq!(me["permissionSource"], json!("Session"));
    assert_eq!(me["operator"], json!(false));
    // After a reload the page asks for its token again.
    let again = browser.call("GET", "/auth/session", "").await.expect(200);
    assert_eq!(again["csrfToken"], json!(browser.csrf));

    let other = Browser::sign_in(&world.client, &key).await;
    let ended = browser.call("DELETE", "/auth/session", &token).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert!(
        ended.head.contains("posthorn_session=; path=/; max-age=0"),
        "{ended:?}"
    );
    browser.call("GET", "/app/shop", &token).await.expect(401);
    browser.call("GET", "/auth/session", "").await.expect(401);

    // The other session ends with its key.
    other
        .call("GET", "/app/shop", &other.with_token())
        .await
        .expect(200);
    let path = format!("/api-key/{id}");
    world.client.call("DELETE", &path, None).await.expect(204);
    other
        .call("GET", "/app/shop", &other.with_token())
        .await
        .expect(401);
    world.stop().await;
}

#[tokio::test]
async fn a_cookie_alone_is_worth_nothing() {
    let world = World::start().await;
    world.application("shop").await;
    let (_, key) = new_key(&world, &json!({"name": "me"})).await;
    let browser = Browser::sign_in(&world.client, &key).await;
    let token = browser.with_token();
    for (method, path) in [
        ("GET", "/app/shop"),
        ("DELETE", "/app/shop"),
        ("POST", "/app/shop/msg"),
    ] {
        for more in ["", "posthorn-csrf: x\r\n"] {
            let refused = browser.call(method, path, more).await.expect(403);
            assert_eq!(refused["code"], json!("csrf"), "{method} {path}");
        }
        for foreign in [
            "origin: http://evil.example\r\n",
            "origin: null\r\n",
            "sec-fetch-site: cross-site\r\n",
            "sec-fetch-site: same-site\r\n",
        ] {
            let refused = browser
                .call(method, path, &format!("{token}{foreign}"))
                .await;
            assert_eq!(
                refused.expect(403)["code"],
                json!("csrf"),
                "{method} {foreign}"
            );
        }
    }
    browser
        .call("GET", "/auth/session", "origin: http://evil\r\n")
        .await
        .expect(403);
    let body = json!({"apiKey": key}).to_string();
    let from_elsewhere = "origin: http://evil.example\r\n";
    let login = world
        .client
        .raw("POST", "/api/v1/auth/session", from_elsewhere, &body);
    login.await.expect(403);
    let own = format!("{token}origin: http://test\r\nsec-fetch-site: same-origin\r\n");
    browser.call("GET", "/app/shop", &own).await.expect(200);
    // Whoever sends a token of its own is not helped by a cookie.
    let headers = format!("cookie: {}\r\n{token}", browser.cookie);
    let stranger = world.with_token("garbage");
    stranger
        .raw("GET", "/api/v1/app/shop", &headers, "")
        .await
        .expect(401);
    // CORS never lets a page of another origin send the cookie along.
    let cors = browser.call("GET", "/app/shop", &token).await;
    assert!(
        !cors.head.contains("access-control-allow-credentials"),
        "{cors:?}"
    );
    world.stop().await;
}

#[tokio::test]
async fn only_those_who_speak_for_an_organisation_can_sign_in() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let sign_in = async |key: &str| {
        let body = json!({"apiKey": key});
        world.client.post("/auth/session", &body).await
    };
    sign_in(&world.organization_token()).await.expect(200);
    sign_in(&world.portal_token(app.as_str())).await.expect(403);
    for bad in ["", "phk_x", "garbage"] {
        sign_in(bad).await.expect(401);
    }
    world
        .client
        .post("/auth/session", &json!({}))
        .await
        .expect(422);
    world.stop().await;
}
