//! What operators see: the fleet, and the input that it refused.

use std::time::Duration;

use bytes::Bytes;
use posthorn_bus::Refused;
use posthorn_bus::members::Member;
use posthorn_event_schema::{Door, Partition};
use serde_json::{Value, json};

use crate::sample::{event, matched};
use crate::world::World;

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    let found = items.iter().find(|item| item["name"] == json!(name));
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

#[tokio::test]
async fn the_fleet_is_shown_to_those_who_run_it() {
    let world = World::start().await;
    let app = world.application("shop").await;
    let hook = world.endpoint(&app, "hook").await;
    let event = event(&world, &app, 60);
    world.bus.publish_event(&event).await.unwrap();
    world
        .bus
        .publish_outcome(&matched(&event, &hook))
        .await
        .unwrap();
    let members = world.bus.members().await.unwrap();
    let holds = Partition::all().skip(1).collect();
    members
        .heartbeat(
            "sender-a",
            &Member {
                holds,
                leaving: false,
                retry_waits_ms: Some(vec![500, 5_000]),
            },
        )
        .await
        .unwrap();

    let operator = world.operator();
    let fleet = operator.get("/fleet").await.expect(200);
    let events = named(&fleet["streams"], "EVENTS");
    assert_eq!(
        (&events["messages"], &events["consumers"]),
        (&json!(1), &json!(2))
    );
    assert!(events["firstAt"].is_string() && events["bytes"].as_u64().unwrap() > 100);
    assert_eq!(named(&fleet["streams"], "JOBS_3")["firstAt"], json!(null));
    assert_eq!(fleet["streams"].as_array().unwrap().len(), 10);
    let fanout = named(&fleet["consumers"], "fanout");
    assert_eq!(
        (&fanout["waiting"], &fanout["inFlight"]),
        (&json!(1), &json!(0))
    );
    assert!(fanout["oldestAt"].is_string(), "{fanout}");
    let idle = named(&fleet["consumers"], "sender-0");
    assert_eq!(
        (&idle["waiting"], &idle["oldestAt"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(fleet["senders"][0]["name"], json!("sender-a"));
    assert_eq!(fleet["partitionsWithoutSender"], json!([0]));
    assert!(fleet["nats"]["version"].as_str().unwrap().starts_with("2."));

    // Whoever asks again at once gets the same answer.
    world
        .bus
        .publish_event(&crate::sample::event(&world, &app, 30))
        .await
        .unwrap();
    assert_eq!(operator.get("/fleet").await.expect(200), fleet);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let later = operator.get("/fleet").await.expect(200);
    assert_eq!(named(&later["streams"], "EVENTS")["messages"], json!(2));

    for path in ["/fleet", "/rejected", "/rejected/1"] {
        world.client.get(path).await.expect(403);
        world.portal(app.as_str()).get(path).await.expect(403);
    }
    assert_eq!(
        operator.get("/auth/whoami").await.expect(200)["operator"],
        json!(true)
    );
    world.stop().await;
}

async fn refuse(world: &World, door: Door, subject: &str, input: &[u8]) {
    let refused = Refused {
        door,
        subject,
        code: "invalid_json",
        detail: "expected value".to_owned(),
        trace_id: None,
        input: Bytes::copy_from_slice(input),
    };
    world.bus.reject(refused).await.unwrap();
}

#[tokio::test]
async fn refused_input_is_listed_newest_first_and_read() {
    let world = World::start().await;
    let operator = world.operator();
    let empty = operator.get("/rejected").await.expect(200);
    assert_eq!((&empty["data"], &empty["done"]), (&json!([]), &json!(true)));
    let subject = "posthorn.events.acme.a.b";
    refuse(&world, Door::NatsPublish, subject, b"{").await;
    refuse(
        &world,
        Door::NatsRequest,
        "posthorn.publish.other",
        &[0xff, 0],
    )
    .await;
    refuse(&world, Door::Sender, "jobs_1.1.ep_1", b"x").await;

    let first = operator.get("/rejected?limit=2").await;
    assert_eq!(first.column("door"), ["sender", "nats_request"]);
    let first = first.expect(200);
    assert_eq!(first["done"], json!(false));
    let after = first["iterator"].as_str().unwrap();
    let rest = operator
        .get(&format!("/rejected?iterator={after}"))
        .await
        .expect(200);
    assert_eq!(rest["done"], json!(true));
    let item = &rest["data"][0];
    assert_eq!(
        (&item["application"], &item["sizeBytes"]),
        (&json!("acme"), &json!(1))
    );
    assert_eq!(
        (&item["code"], &item["subject"]),
        (&json!("invalid_json"), &json!(subject))
    );

    let doors = async |query: &str| {
        operator
            .get(&format!("/rejected?{query}"))
            .await
            .column("door")
    };
    assert_eq!(doors("door=nats_publish").await, ["nats_publish"]);
    assert_eq!(doors("application=other").await, ["nats_request"]);
    assert!(doors("application=nobody").await.is_empty());
    for bad in ["door=x", "iterator=x", "iterator=-1", "limit=0"] {
        operator.get(&format!("/rejected?{bad}")).await.expect(422);
    }

    let position = item["position"].as_str().unwrap();
    let whole = operator
        .get(&format!("/rejected/{position}"))
        .await
        .expect(200);
    assert_eq!(
        (&whole["input"], &whole["inputBase64"]),
        (&json!("{"), &json!("ew=="))
    );
    assert_eq!(whole["id"], item["id"]);
    let binary = first["data"][1]["position"].as_str().unwrap();
    let binary = operator
        .get(&format!("/rejected/{binary}"))
        .await
        .expect(200);
    assert_eq!(
        (&binary["input"], &binary["inputBase64"]),
        (&json!(null), &json!("/wA="))
    );
    for missing in ["99", "0", "x"] {
        operator
            .get(&format!("/rejected/{missing}"))
            .await
            .expect(404);
    }
    world.stop().await;
}
