//! `posthorn import svix`, the real binary: from another Posthorn, which speaks Svix's API, and from
//! answers as the open-source server and the hosted service give them.

mod failing;
mod svix_answers;

use std::time::Duration;

use posthorn_e2e::binary::posthorn;
use posthorn_e2e::{Client, Stack, client::text, report};
use posthorn_event_schema::OrganizationId;
use posthorn_harness::{Process, Receiver};
use serde_json::{Value, json};

use crate::SOON;
use crate::delivery::assert_verifies;

const STRANGER: &str = "org_1srOrx2ZWZBpBUvZwXKQmoEYga2";
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const KEY_PAIR: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const HIDDEN: &str = "Bearer hidden-by-the-source";
/// More than a page holds.
const APPLICATIONS: usize = 255;
const PATIENCE: Duration = Duration::from_secs(120);

/// The command with these tokens in its environment; its summary goes to stdout as JSON.
fn start(from: (&str, &str), to: (&str, &str), options: &[&str]) -> Process {
    Process::builder(posthorn())
        .args(["import", "svix", "--json", "--from", from.0, "--to", to.0])
        .args(options)
        .env("POSTHORN_IMPORT_FROM_TOKEN", from.1)
        .env("POSTHORN_IMPORT_TO_TOKEN", to.1)
        .env("NO_PROXY", "127.0.0.1")
        .start()
}

/// Runs it to its end, and expects this exit code; nothing secret may be said. Returns the summary,
/// null without one.
async fn ended(mut process: Process, code: i32) -> Value {
    process.wait_exit_code(code, PATIENCE).await;
    let said = process.stdout() + &process.stderr();
    for secret in [SECRET, KEY_PAIR, HIDDEN, "eyJ", "whpk_1SiA4o9hyq"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
    serde_json::from_str(&process.stdout()).unwrap_or_default()
}

/// Two fleets of Posthorn, and what tokens they take.
struct Move {
    source: Stack,
    target: Stack,
}

impl Move {
    async fn run(&self, token: &str, options: &[&str], code: i32) -> Value {
        let from = (self.source.client.base(), &*self.source.settings.token());
        let to = (self.target.client.base(), token);
        ended(start(from, to, options), code).await
    }

    async fn again(&self, options: &[&str], code: i32) -> Value {
        self.run(&self.target.settings.token(), options, code).await
    }
}

/// Every application, the endpoints of one, and all event types, as a client reads them.
async fn everything(client: &Client, app: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for list in [
        "/app?limit=250".to_owned(),
        format!("/app/{app}/endpoint?limit=250"),
        "/event-type?limit=250&with_content=true&include_archived=true".to_owned(),
    ] {
        let mut iterator = String::new();
        loop {
            let page = client.get(&format!("{list}{iterator}")).await.body;
            all.extend(page["data"].as_array().unwrap().clone());
            if page["done"] == true {
                break;
            }
            iterator = format!("&iterator={}", text(&page["iterator"]));
        }
    }
    all
}

fn without_update_time(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        object.as_object_mut().unwrap().remove("updatedAt");
    }
    objects
}

/// What a team has at the source: many applications, one of them with two endpoints.
async fn furnish(source: &Client, url: &str) -> (String, String, String) {
    let schema = json!({"1": {"type": "object", "minProperties": 1}});
    for kind in [
        json!({"name": "file.deleted", "description": "d", "schemas": schema, "featureFlag": "beta"}),
        json!({"name": "file.old", "description": "", "deprecated": true}),
    ] {
        assert_eq!(source.post("/event-type", &kind).await.status, 201);
    }
    let application = json!({"name": "Acme", "uid": "acme", "throttleRate": 900,
        "metadata": {"plan": "gold"}});
    let made = source.post("/app", &application).await;
    let app = text(&made.body["id"]);
    for number in 1..APPLICATIONS {
        source.application(&format!("app-{number}")).await;
    }
    let endpoint = json!({"url": url, "uid": "hook", "description": "Main", "secret": SECRET,
        "eventTypes": ["file.deleted", "file.old"], "throttleRate": 800, "metadata": {"a": "b"},
        "headers": {"X-Team": "blue", "Authorization": HIDDEN}});
    let (hook, _) = source.endpoint_with(&app, &endpoint).await;
    let asleep = json!({"url": "https://example.com/", "disabled": true, "channels": ["c"],
        "secret": KEY_PAIR});
    let (asleep, _) = source.endpoint_with(&app, &asleep).await;
    // Endpoints of archived types exist, and must come along.
    source
        .request("DELETE", "/event-type/file.old")
        .send()
        .await
        .unwrap();
    (app, hook, asleep)
}

fn counts(summary: &Value, kind: &str) -> [u64; 4] {
    ["created", "updated", "unchanged", "leftOut"]
        .map(|outcome| summary["counts"][kind][outcome].as_u64().unwrap())
}

/// The parts of an object that did not come along.
fn lacks(summary: &Value, name: &str) -> Vec<String> {
    let objects = summary["objects"].as_array().unwrap();
    let object = objects.iter().find(|object| object["name"] == name);
    let lacks = object.map(|object| object["leftOut"].as_array().unwrap());
    lacks
        .into_iter()
        .flatten()
        .map(|lack| text(&lack["part"]))
        .collect()
}

#[tokio::test]
async fn a_team_moves_with_ids_secrets_and_headers() {
    let (source, target, receiver) =
        tokio::join!(Stack::start(), Stack::start(), Receiver::start());
    let moving = Move { source, target };
    let (from, to) = (&moving.source.client, &moving.target.client);
    let (app, hook, asleep) = furnish(from, &receiver.url("/hook")).await;
    let applications = u64::try_from(APPLICATIONS).unwrap();

    // A dry run tells everything and changes nothing.
    let dry = moving.again(&["--dry-run"], 3).await;
    assert_eq!(dry["dryRun"], json!(true));
    let nothing = to.get("/app").await.body;
    assert_eq!(nothing["data"], json!([]));
    let kinds = to.get("/event-type?include_archived=true").await.body;
    assert_eq!(kinds["data"], json!([]));

    let began = std::time::Instant::now();
    let wet = moving.again(&[], 3).await;
    for summary in [&dry, &wet] {
        assert_eq!(counts(summary, "eventType"), [2, 0, 0, 0]);
        assert_eq!(counts(summary, "application"), [applications, 0, 0, 0]);
        assert_eq!(counts(summary, "endpoint"), [2, 0, 0, 0]);
        assert_eq!(lacks(summary, &hook), ["header Authorization"]);
        assert_eq!(lacks(summary, &asleep), ["secret"]);
    }
    report(&format!(
        "{APPLICATIONS} applications, 2 endpoints and 2 event types imported in {:?}",
        began.elapsed()
    ));
    let there = without_update_time(everything(from, &app).await);
    let here = everything(to, &app).await;
    assert_eq!(there.len(), APPLICATIONS + 4);
    assert_eq!(without_update_time(here.clone()), there);

    // An event through the target reaches the endpoint, signed with the source's secret.
    let event = json!({"eventType": "file.deleted", "payload": {"file": "a.pdf"}});
    let sent = to.post("/app/acme/msg", &event).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let requests = receiver.wait_for("/hook", 1, SOON).await;
    assert_verifies(&requests[0], SECRET);
    assert_eq!(requests[0].header("x-team"), Some("blue"));
    assert_eq!(requests[0].header("authorization"), None);

    // Once more: nothing changes.
    let again = moving.again(&[], 3).await;
    assert_eq!(counts(&again, "eventType"), [0, 0, 2, 0]);
    assert_eq!(counts(&again, "application"), [0, 0, applications, 0]);
    assert_eq!(counts(&again, "endpoint"), [0, 0, 2, 0]);
    assert_eq!(everything(to, &app).await, here, "updatedAt included");

    complete_by_hand(to, &app, &hook, &asleep).await;
    let complete = moving.again(&[], 0).await;
    assert_eq!(
        (&complete["complete"], &complete["objects"]),
        (&json!(true), &json!([]))
    );

    changes_on_both_sides(&moving, &app, &hook).await;
    refused_for_a_stranger(&moving, applications).await;
    moving.source.stop().await;
    moving.target.stop().await;
}

/// Sets what the source does not show.
async fn complete_by_hand(to: &Client, app: &str, hook: &str, asleep: &str) {
    let endpoint = format!("/app/{app}/endpoint");
    let header = json!({"headers": {"authorization": HIDDEN}});
    let request = to.request("PATCH", &format!("{endpoint}/{hook}/headers"));
    assert_eq!(Client::send(request.json(&header)).await.status, 204);
    let key = json!({"key": KEY_PAIR});
    let rotated = to
        .post(&format!("{endpoint}/{asleep}/secret/rotate"), &key)
        .await;
    assert_eq!(rotated.status, 204);
}

/// What changed at the source is taken over, and what changed at the target stays.
async fn changes_on_both_sides(moving: &Move, app: &str, hook: &str) {
    let patch = async |client: &Client, path: &str, body: Value| {
        let answer = Client::send(client.request("PATCH", path).json(&body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let (from, to) = (&moving.source.client, &moving.target.client);
    let endpoint = format!("/app/{app}/endpoint/{hook}");
    let there = json!({"description": "Theirs", "metadata": {"new": "1"}});
    patch(from, &endpoint, there).await;
    patch(to, &endpoint, json!({"description": "Ours"})).await;
    let dry = moving.again(&["--dry-run"], 3).await;
    let wet = moving.again(&[], 3).await;
    for summary in [dry, wet] {
        assert_eq!(counts(&summary, "endpoint"), [0, 1, 1, 0]);
        let object = &summary["objects"][0];
        assert_eq!(object["changed"], json!(["metadata"]));
        assert_eq!(object["kept"], json!(["description"]));
    }
    let shown = to.get(&endpoint).await.body;
    assert_eq!(
        (&shown["description"], &shown["metadata"]),
        (&json!("Ours"), &json!({"new": "1"}))
    );
    moving.again(&["--overwrite"], 0).await;
    assert_eq!(to.get(&endpoint).await.body["description"], json!("Theirs"));
}

/// Another organisation cannot take ids that somebody has.
async fn refused_for_a_stranger(moving: &Move, applications: u64) {
    let stranger = OrganizationId::parse(STRANGER).unwrap();
    let key = moving.target.settings.token_key();
    let token = key.issue_organization(&stranger, posthorn_e2e::settings::now());
    let refused = moving.run(&token, &[], 3).await;
    assert_eq!(counts(&refused, "application"), [0, 0, 0, applications]);
    assert_eq!(counts(&refused, "endpoint"), [0, 0, 0, 2]);
    let theirs = moving.target.client.with_token(&token);
    assert_eq!(theirs.get("/app").await.body["data"], json!([]));
    let said = refused.to_string();
    assert!(said.contains("The id is not free") && said.contains("its application is left out"));
}
