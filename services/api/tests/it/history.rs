//! Messages, attempts and where deliveries stand.

use std::time::Duration;

use posthorn_event_schema::Timestamp;
use serde_json::json;

use crate::client::Answer;
use crate::sample::{attempt, event, matched};
use crate::world::{World, now, text};

#[tokio::test]
async fn messages_are_listed_newest_first_in_both_directions() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let events: Vec<_> = (1..=5)
        .map(|ago| event(&world, &app, ago * 10 + ago))
        .collect();
    world.store.write_events(&events).await.unwrap();
    let ids: Vec<_> = events
        .iter()
        .map(|event| event.meta.id.to_string())
        .collect();

    let first = world.client.get("/app/shop/msg?limit=2").await;
    assert_eq!(first.column("id"), ids[..2]);
    let page = first.json();
    assert_eq!(
        (&page["done"], text(&page["iterator"])),
        (&json!(false), &*ids[1])
    );
    let second = world
        .client
        .get(&format!("/app/shop/msg?limit=2&iterator={}", ids[1]))
        .await;
    assert_eq!(second.column("id"), ids[2..4]);
    let back = text(&second.json()["prevIterator"]).to_owned();
    let third = world
        .client
        .get(&format!("/app/shop/msg?limit=2&iterator={}", ids[3]))
        .await;
    assert_eq!(
        (third.column("id"), &third.json()["done"]),
        (vec![ids[4].clone()], &json!(true))
    );
    let again = world
        .client
        .get(&format!("/app/shop/msg?limit=2&iterator={back}"))
        .await;
    assert_eq!(
        (again.column("id"), &again.json()["done"]),
        (ids[..2].to_vec(), &json!(true))
    );

    let deleted = world
        .client
        .get("/app/shop/msg?event_types=file.deleted")
        .await;
    assert_eq!(deleted.column("id"), [ids[1].clone(), ids[3].clone()]);
    let before = events[2].meta.accepted_at.to_rfc3339_micros();
    let earlier = world
        .client
        .get(&format!("/app/shop/msg?before={before}"))
        .await;
    assert_eq!(earlier.column("id"), ids[3..]);
    let later = world
        .client
        .get(&format!("/app/shop/msg?after={before}"))
        .await;
    assert_eq!(later.column("id"), ids[..2]);
    world.stop().await;
}

#[tokio::test]
async fn a_message_is_shown_waited_for_and_expunged() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let event = event(&world, &app, 0);
    let path = format!("/app/{app}/msg/{}", event.meta.id);
    let write = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world
            .store
            .write_events(std::slice::from_ref(&event))
            .await
            .unwrap();
    };
    let (fresh, ()) = tokio::join!(world.client.get(&path), write);
    let shown = fresh.expect(200);
    assert!(
        fresh.text.contains(r#""payload":{ "number": 1.0 }"#),
        "{fresh:?}"
    );
    assert_eq!(
        shown["timestamp"],
        json!(event.meta.accepted_at.to_rfc3339_micros())
    );
    assert_eq!(
        (&shown["eventId"], &shown["channels"]),
        (&json!(null), &json!(null))
    );

    let short = world
        .client
        .get(&format!("{path}?with_content=false"))
        .await;
    assert_eq!(short.expect(200)["payload"], json!({}));

    world
        .portal(app.as_str())
        .call("DELETE", &format!("{path}/content"), None)
        .await
        .expect(403);
    let gone = world
        .client
        .call("DELETE", &format!("{path}/content"), None)
        .await;
    assert_eq!((gone.status, &*gone.text), (204, ""));
    assert_eq!(
        world.client.get(&path).await.expect(200)["payload"],
        json!({"expired": true})
    );
    world.stop().await;
}

/// A message that reached one endpoint at once, and another one not yet.
struct Fared {
    world: World,
    good: String,
    bad: String,
    msg: String,
    next: Timestamp,
}

impl Fared {
    async fn start() -> Self {
        let world = World::start().await;
        let app = world.application("shop").await;
        let good = world.endpoint(&app, "good").await;
        let bad = world.endpoint(&app, "bad").await;
        let event = event(&world, &app, 30);
        let next = now().plus(Duration::from_secs(3_600));
        let outcomes = [
            matched(&event, &good),
            matched(&event, &bad),
            attempt(&event, &good, 1, 200, None),
            attempt(&event, &bad, 2, 500, Some(next)),
        ];
        let events = std::slice::from_ref(&event);
        world.store.write_events(events).await.unwrap();
        world.store.write_outcomes(&outcomes).await.unwrap();
        let (good, bad, msg) = (good.to_string(), bad.to_string(), event.meta.id.to_string());
        Self {
            world,
            good,
            bad,
            msg,
            next,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.world.client.get(&format!("/app/shop{path}")).await
    }
}

#[tokio::test]
async fn an_attempt_is_shown_as_svix_shows_it() {
    let f = Fared::start().await;
    let all = f
        .get(&format!("/attempt/msg/{}?expanded_statuses=true", f.msg))
        .await;
    assert_eq!(all.column("endpointId"), [&*f.bad, &*f.good]);
    let failed = &all.json()["data"][0];
    let expected = json!({
        "id": failed["id"], "url": "https://example.com/hook", "response": "answer",
        "responseStatusCode": 500, "responseDurationMs": 12, "status": 2, "statusText": "fail",
        "triggerType": 0, "msgId": f.msg, "endpointId": f.bad,
        "timestamp": failed["timestamp"],
    });
    assert_eq!(*failed, expected);
    let one = format!("/msg/{}/attempt/{}", f.msg, text(&failed["id"]));
    assert_eq!(f.get(&one).await.expect(200), expected);

    let content = format!("/app/shop{one}/content");
    f.world
        .client
        .call("DELETE", &content, None)
        .await
        .expect(204);
    assert_eq!(f.get(&one).await.expect(200)["response"], json!("EXPUNGED"));
    f.world.stop().await;
}

#[tokio::test]
async fn attempts_are_filtered_by_endpoint_and_status() {
    let f = Fared::start().await;
    let filter = "endpoint_id=good&status=0&with_content=false";
    let good_only = f.get(&format!("/attempt/msg/{}?{filter}", f.msg)).await;
    assert_eq!(good_only.column("endpointId"), [&*f.good]);
    assert_eq!(good_only.column("response"), ["{}"]);
    let nobody = format!("/attempt/msg/{}?endpoint_id=nobody", f.msg);
    f.get(&nobody).await.expect(404);
    let older_form = f.get(&format!("/msg/{}/endpoint/bad/attempt", f.msg)).await;
    assert_eq!(older_form.column("endpointId"), [&*f.bad]);

    let failures = "/attempt/endpoint/bad?status_code_class=500&with_msg=true";
    let of_endpoint = f.get(failures).await;
    assert_eq!(of_endpoint.column("endpointId"), [&*f.bad]);
    assert_eq!(of_endpoint.json()["data"][0]["msg"]["id"], json!(f.msg));
    let successes = f.get("/attempt/endpoint/bad?status=0").await;
    assert_eq!(successes.json()["data"], json!([]));
    f.world.stop().await;
}

#[tokio::test]
async fn destinations_tell_where_each_delivery_stands() {
    let f = Fared::start().await;
    let next = f.next.to_rfc3339_micros();
    let mut expected = [
        (&*f.good, "success", json!(null)),
        (&*f.bad, "sending", json!(next)),
    ];
    expected.sort_by_key(|(id, ..)| *id);
    f.world
        .client
        .call("DELETE", "/app/shop/endpoint/good", None)
        .await
        .expect(204);
    let body = f.get(&format!("/msg/{}/endpoint", f.msg)).await.expect(200);
    let shown = body["data"].as_array().unwrap().iter().map(|item| {
        assert_eq!(
            (&item["version"], &item["url"]),
            (&json!(1), &json!("https://example.com/hook"))
        );
        (
            text(&item["id"]),
            text(&item["statusText"]),
            item["nextAttempt"].clone(),
        )
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);

    let messages = f.get("/endpoint/bad/msg?status=3").await;
    assert_eq!(messages.column("statusText"), ["sending"]);
    assert_eq!(messages.column("nextAttempt"), [next]);
    assert_eq!(messages.column("id"), [&*f.msg]);
    let delivered = f.get("/endpoint/bad/msg?status=0").await;
    assert_eq!(delivered.json()["data"], json!([]));
    f.world.stop().await;
}
