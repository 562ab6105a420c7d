//! Answers as Svix's own servers give them: old spellings, pages, empty 404s, limits of rate.

use std::time::Duration;

use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Receiver};
use serde_json::{Value, json};

use super::{SECRET, ended, lacks, start};
use crate::SOON;

const FIRST: &str = "app_2srOrx2ZWZBpBUvZwXKQmoEYga1";
const SECOND: &str = "app_2srOrx2ZWZBpBUvZwXKQmoEYga2";
const HOOK: &str = "ep_2srOrx2ZWZBpBUvZwXKQmoEYga3";
const SIGNED: &str = "ep_2srOrx2ZWZBpBUvZwXKQmoEYga4";
const SINCE: &str = "2023-05-01T10:00:00.123456Z";
const TOKEN: &str = "testsk_the-token-of-the-source.eu";

fn answer(json: &Value) -> Behaviour {
    Behaviour::with_body(200, json.to_string())
}

fn list(items: &[Value], done: bool) -> Behaviour {
    let iterator = items.last().map(|item| item["id"].clone());
    answer(&json!({"data": items, "iterator": iterator, "prevIterator": "-x", "done": done}))
}

fn application(id: &str, uid: &str) -> Value {
    json!({"uid": uid, "name": uid, "rateLimit": 7, "id": id, "createdAt": SINCE,
        "updatedAt": SINCE, "metadata": {}})
}

/// As the open-source server shows an endpoint to SDKs of the first generation.
fn endpoint(id: &str, url: &str) -> Value {
    json!({"description": "", "rateLimit": 9, "uid": null, "url": url, "version": 1,
        "disabled": false, "filterTypes": ["file.gone"], "channels": null, "id": id,
        "createdAt": SINCE, "updatedAt": SINCE, "metadata": {}})
}

/// A server with an application of one endpoint on each of two pages.
struct Svix(Receiver);

impl Svix {
    async fn start() -> Self {
        let svix = Receiver::start().await;
        // What the open-source server does not know.
        svix.set_default(Behaviour::Status(404));
        let busy = Behaviour::with_headers(429, &[("retry-after", "1")]);
        let pages = [
            list(&[application(FIRST, "first")], true),
            busy,
            list(&[application(FIRST, "first")], false),
            list(&[application(SECOND, "second")], true),
        ];
        svix.set("/api/v1/app", Behaviour::Sequence(pages.to_vec()));
        let kind = json!({"name": "file.made", "description": "d", "archived": false,
            "schemas": {"1": {"type": "nonsense"}}, "createdAt": SINCE, "updatedAt": SINCE,
            "featureFlag": "beta"});
        let kinds = [
            Behaviour::Status(503),
            answer(&json!({"data": [kind], "iterator": "file.made", "done": true})),
        ];
        svix.set("/api/v1/event-type", Behaviour::Sequence(kinds.to_vec()));
        let svix = Self(svix);
        let own = "https://me:pass@example.com/hook";
        svix.endpoint(
            FIRST,
            &endpoint(HOOK, own),
            SECRET,
            &[("X-Team", "blue"), ("Host", "x")],
        );
        let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
        svix.endpoint(
            SECOND,
            &endpoint(SIGNED, "https://example.com/b"),
            public,
            &[],
        );
        svix
    }

    fn endpoint(&self, app: &str, endpoint: &Value, key: &str, headers: &[(&str, &str)]) {
        let path = format!("/api/v1/app/{app}/endpoint");
        self.0
            .set(&path, list(std::slice::from_ref(endpoint), true));
        let path = format!("{path}/{}", endpoint["id"].as_str().unwrap());
        self.0
            .set(&format!("{path}/secret"), answer(&json!({"key": key})));
        let headers: serde_json::Map<_, _> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let headers = json!({"headers": headers, "sensitive": []});
        self.0.set(&format!("{path}/headers"), answer(&headers));
    }
}

async fn assert_came(to: &Client) {
    let app = to.get("/app/first").await.body;
    assert_eq!(
        (&app["id"], &app["throttleRate"], &app["createdAt"]),
        (&json!(FIRST), &json!(7), &json!(SINCE))
    );
    let path = format!("/app/{FIRST}/endpoint/{HOOK}");
    let hook = to.get(&path).await.body;
    assert_eq!(
        (
            &hook["eventTypes"],
            &hook["throttleRate"],
            &hook["createdAt"]
        ),
        (&json!(["file.gone"]), &json!(9), &json!(SINCE))
    );
    assert_eq!(hook["url"], json!("https://example.com/hook"));
    let headers = to.get(&format!("{path}/headers")).await.body;
    assert_eq!(
        headers,
        json!({"headers": {"X-Team": "blue"}, "sensitive": ["Authorization"]})
    );
    let secret = to.get(&format!("{path}/secret")).await.body;
    assert_eq!(secret["key"], json!(SECRET));
    let kind = to.get("/event-type/file.made").await.body;
    assert_eq!(
        (&kind["featureFlags"], &kind["schemas"]),
        (&json!(["beta"]), &Value::Null)
    );
}

#[tokio::test]
async fn the_open_source_server_is_read_as_it_answers() {
    let (stack, svix) = tokio::join!(Stack::start(), Svix::start());
    let hosted = format!("/api/v1/app/{SECOND}/endpoint/{SIGNED}/transformation");
    let from = svix.0.url("/");
    let to = (stack.client.base(), &*stack.settings.token());
    let summary = ended(start((&from, TOKEN), to, &[]), 3).await;
    assert_came(&stack.client).await;
    assert_eq!(lacks(&summary, "file.made"), ["schemas"]);
    assert_eq!(lacks(&summary, HOOK), ["header Host"]);
    assert_eq!(lacks(&summary, SIGNED), ["secret"]);
    assert_eq!(lacks(&summary, FIRST), [""; 0]);

    let asked: Vec<_> = svix.0.received("/api/v1/app");
    let queries: Vec<_> = asked
        .iter()
        .map(|request| request.query.clone().unwrap())
        .collect();
    let page = "limit=250&order=ascending";
    let second = format!("{page}&iterator={FIRST}");
    assert_eq!(queries, ["limit=1", page, page, &second]);
    let waited = asked[2].arrived.duration_since(asked[1].arrived);
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    let token = format!("Bearer {TOKEN}");
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization") == Some(&token))
    );
    // Routes of the hosted service are asked for once or twice, not for every object.
    assert!(svix.0.count(&hosted) <= 1);
    stack.stop().await;
}

#[tokio::test]
async fn what_only_the_hosted_service_has_is_named() {
    let (stack, svix) = tokio::join!(Stack::start(), Svix::start());
    let code = answer(&json!({"code": "function handler(w) { return w }", "enabled": true}));
    let without = answer(&json!({"code": null, "enabled": false, "variables": null}));
    let integrations = list(&[json!({"id": "integ_1", "name": "x"})], true);
    for (path, behaviour) in [
        (format!("app/{FIRST}/endpoint/{HOOK}/transformation"), code),
        (
            format!("app/{SECOND}/endpoint/{SIGNED}/transformation"),
            without,
        ),
        (format!("app/{FIRST}/integration"), integrations),
        (format!("app/{SECOND}/integration"), list(&[], true)),
        (
            "operational-webhook/endpoint".to_owned(),
            list(&[json!({"id": "ep_1"})], true),
        ),
        ("stream".to_owned(), Behaviour::Status(403)),
        (
            "event-type/file.made/retry-schedule".to_owned(),
            answer(&json!({"retrySchedule": [5, 60]})),
        ),
    ] {
        svix.0.set(&format!("/api/v1/{path}"), behaviour);
    }
    let from = svix.0.url("/api/v1");
    let to = (stack.client.base(), &*stack.settings.token());
    let summary = ended(start((&from, TOKEN), to, &["--dry-run"]), 3).await;
    assert_eq!(
        lacks(&summary, "settings"),
        ["operational webhook endpoints", "streams"]
    );
    assert_eq!(lacks(&summary, FIRST), ["integrations"]);
    assert_eq!(lacks(&summary, HOOK), ["transformation", "header Host"]);
    assert_eq!(lacks(&summary, SIGNED), ["secret"]);
    assert_eq!(lacks(&summary, "file.made"), ["retry schedule", "schemas"]);
    stack.stop().await;
}

#[tokio::test]
async fn a_stop_leaves_whole_objects_and_the_next_run_goes_on() {
    let (stack, svix) = tokio::join!(Stack::start(), Svix::start());
    let slow = answer(&json!({"key": SECRET})).after(Duration::from_secs(2));
    let secret = format!("/api/v1/app/{FIRST}/endpoint/{HOOK}/secret");
    svix.0.set(&secret, slow);
    let from = svix.0.url("");
    let (from, to) = (
        (&*from, TOKEN),
        (stack.client.base(), &*stack.settings.token()),
    );
    let process = start(from, to, &["--concurrency", "1"]);
    svix.0.wait_for(&secret, 1, SOON).await;
    let mut process = process;
    process.sigint();
    process
        .wait_for_line("stopped; run it again to go on", SOON)
        .await;
    let summary = ended(process, 1).await;
    assert_eq!(summary["counts"]["endpoint"]["created"], json!(1));
    assert_eq!(summary["counts"]["application"]["created"], json!(1));
    assert_came(&stack.client).await;
    assert_eq!(stack.client.get("/app/second").await.status, 404);

    svix.0.set(&secret, answer(&json!({"key": SECRET})));
    let pages = [
        list(&[application(FIRST, "first")], false),
        list(&[application(FIRST, "first")], false),
        list(&[application(SECOND, "second")], true),
    ];
    svix.0
        .set("/api/v1/app", Behaviour::Sequence(pages.to_vec()));
    let summary = ended(start(from, to, &[]), 3).await;
    let applications = &summary["counts"]["application"];
    assert_eq!(
        (&applications["created"], &applications["unchanged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        stack.client.get("/app/second").await.body["id"],
        json!(SECOND)
    );
    stack.stop().await;
}

#[tokio::test]
async fn an_object_that_the_source_fails_at_is_left_out_and_the_others_come() {
    let (stack, svix) = tokio::join!(Stack::start(), Svix::start());
    let secret = format!("/api/v1/app/{FIRST}/endpoint/{HOOK}/secret");
    svix.0.set(&secret, Behaviour::Status(500));
    let to = (stack.client.base(), &*stack.settings.token());
    let summary = ended(start((&svix.0.url(""), TOKEN), to, &[]), 3).await;
    assert_eq!(lacks(&summary, HOOK), ["the whole object"]);
    assert!(svix.0.count(&secret) > 1, "it is tried again");
    let path = |app: &str, endpoint: &str| format!("/app/{app}/endpoint/{endpoint}");
    assert_eq!(stack.client.get(&path(SECOND, SIGNED)).await.status, 200);
    assert_eq!(stack.client.get(&path(FIRST, HOOK)).await.status, 404);
    stack.stop().await;
}
