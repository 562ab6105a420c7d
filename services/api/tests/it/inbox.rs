//! Inboxes: bounded, secret, and nobody else's.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{World, text};

const INBOXES: &str = "/app/shop/inbox";

async fn new_inbox(client: &Client, wish: &Value) -> (String, String) {
    let made = client.post(INBOXES, wish).await.expect(201);
    let url = text(&made["url"]).to_owned();
    let path = url.strip_prefix("http://test").unwrap().to_owned();
    (text(&made["id"]).to_owned(), path)
}

async fn send(world: &World, path: &str, headers: &str, body: &str) -> Answer {
    let anybody = world.client.anonymous();
    anybody.raw("POST", path, headers, body).await
}

async fn arrived(world: &World, id: &str) -> Vec<Value> {
    let path = format!("{INBOXES}/{id}/request");
    let list = world.client.get(&path).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_inbox_keeps_what_arrives_and_answers_as_it_is_told() {
    let world = World::start().await;
    world.application("shop").await;
    let (id, path) = new_inbox(&world.client, &json!({"name": "try"})).await;
    let headers = "svix-id: msg_1\r\nauthorization: Bearer hunter2\r\n";
    let kept = send(&world, &format!("{path}/a/b?x=1"), headers, "{\"a\": 1}").await;
    assert_eq!((kept.status, &*kept.text), (200, r#"{"inbox":"kept"}"#));
    assert!(!kept.head.contains("hunter2"));
    let [request] = &arrived(&world, &id).await[..] else {
        panic!("one request");
    };
    assert_eq!(
        (&request["method"], &request["path"]),
        (&json!("POST"), &json!("a/b"))
    );
    assert_eq!(
        (&request["query"], &request["body"]),
        (&json!("x=1"), &json!("{\"a\": 1}"))
    );
    assert_eq!(
        (&request["msgId"], &request["answered"]),
        (&json!("msg_1"), &json!(200))
    );
    assert_eq!(request["signature"]["state"], json!("missing"));
    assert!(!request.to_string().contains("hunter2"), "{request}");

    let inbox = format!("{INBOXES}/{id}");
    let wish = json!({"answer": {"status": 503, "delayMs": 300, "failFirst": 1}});
    world
        .client
        .call("PATCH", &inbox, Some(&wish))
        .await
        .expect(200);
    let begun = std::time::Instant::now();
    assert_eq!(send(&world, &path, "", "").await.status, 500);
    assert_eq!(send(&world, &path, "", "").await.status, 503);
    assert!(begun.elapsed() > std::time::Duration::from_millis(600));
    let answered: Vec<_> = arrived(&world, &id)
        .await
        .iter()
        .map(|r| r["answered"].clone())
        .collect();
    assert_eq!(answered, [503, 500, 200]);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let anybody = world.client.anonymous();
        anybody.raw(method, &path, "", "").await;
    }
    let seen = arrived(&world, &id).await;
    assert!(
        seen.iter().any(|r| r["method"] == json!("DELETE")),
        "{seen:?}"
    );

    let empty = format!("{inbox}/request");
    world.client.call("DELETE", &empty, None).await.expect(204);
    assert!(arrived(&world, &id).await.is_empty());
    world.client.call("DELETE", &inbox, None).await.expect(204);
    assert_eq!(send(&world, &path, "", "").await.status, 404);
    world.client.get(&inbox).await.expect(404);
    world.stop().await;
}

#[tokio::test]
async fn an_inbox_is_bounded() {
    let world = World::start().await;
    world.application("shop").await;
    let (id, path) = new_inbox(&world.client, &json!({})).await;
    let large = "x".repeat(256 * 1024 + 1);
    send(
        &world,
        &path,
        "svix-id: a\r\nsvix-timestamp: 1\r\nsvix-signature: v1,x\r\n",
        &large,
    )
    .await;
    let first = &arrived(&world, &id).await[0];
    assert_eq!(
        (&first["truncated"], &first["sizeBytes"]),
        (&json!(true), &json!(256 * 1024))
    );
    // More than four MiB go, the oldest first; the newest stays in any case.
    let big = "y".repeat(256 * 1024);
    for _ in 0..18 {
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        assert_eq!(send(&world, &path, "", &big).await.status, 200);
    }
    let kept = arrived(&world, &id).await;
    assert!((14..=16).contains(&kept.len()), "{}", kept.len());
    assert!(
        kept.iter()
            .all(|request| request["truncated"] == json!(false))
    );

    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(send(&world, &path, "", "").await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    for _ in 0..6 {
        tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
        for _ in 0..20 {
            send(&world, &path, "", "").await;
        }
    }
    let all = world
        .client
        .get(&format!("{INBOXES}/{id}/request?limit=250"))
        .await;
    assert_eq!(all.expect(200)["data"].as_array().unwrap().len(), 100);
    let page = world
        .client
        .get(&format!("{INBOXES}/{id}/request?limit=60"))
        .await
        .expect(200);
    let after = text(&page["iterator"]);
    let rest = format!("{INBOXES}/{id}/request?limit=60&iterator={after}");
    let rest = world.client.get(&rest).await.expect(200);
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["done"]),
        (40, &json!(true))
    );

    for _ in 1..20 {
        new_inbox(&world.client, &json!({})).await;
    }
    let refused = world.client.post(INBOXES, &json!({})).await.expect(409);
    assert_eq!(refused["code"], json!("too_many_inboxes"));
    for bad in [
        json!({"ttlSeconds": 59}),
        json!({"ttlSeconds": 604_801}),
        json!({"answer": {"status": 199}}),
        json!({"answer": {"status": 600}}),
        json!({"answer": {"delayMs": 30_001}}),
        json!({"answer": {"failFirst": 1_001}}),
        json!({"name": ""}),
    ] {
        world.client.post(INBOXES, &bad).await.expect(422);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_inbox_belongs_to_its_application_alone() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let other = world.application("other").await;
    let portal = world.portal(app.as_str());
    let (id, path) = new_inbox(&portal, &json!({})).await;
    portal
        .get(&format!("{INBOXES}/{id}/request"))
        .await
        .expect(200);
    for stranger in [world.other_organization(), world.portal(other.as_str())] {
        for path in [
            INBOXES.to_owned(),
            format!("{INBOXES}/{id}"),
            format!("{INBOXES}/{id}/request"),
        ] {
            stranger.get(&path).await.expect(404);
            stranger.call("DELETE", &path, None).await;
        }
        stranger.post(INBOXES, &json!({})).await.expect(404);
    }
    // Under another application's name it is not there either.
    let elsewhere = format!("/app/other/inbox/{id}");
    world.client.get(&elsewhere).await.expect(404);
    world
        .client
        .call("DELETE", &elsewhere, None)
        .await
        .expect(404);
    portal.get(&format!("{INBOXES}/{id}")).await.expect(200);
    assert_eq!(portal.get(INBOXES).await.column("id"), [id]);

    let wish = json!({"readOnly": true});
    let access = world
        .client
        .post("/auth/app-portal-access/shop", &wish)
        .await
        .expect(200);
    let reader = world.with_token(text(&access["token"]));
    reader.get(INBOXES).await.expect(200);
    reader.post(INBOXES, &json!({})).await.expect(403);

    let wrong = format!("{}A", &path[..path.len() - 1]);
    let wrong = if wrong == path {
        format!("{}B", &path[..path.len() - 1])
    } else {
        wrong
    };
    for path in [&*wrong, "/in/x", "/in/", "/in"] {
        assert_eq!(send(&world, path, "", "").await.status, 404, "{path}");
    }
    world.stop().await;
}
