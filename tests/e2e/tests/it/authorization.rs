//! Who may do what: every operation of the OpenAPI document × every kind of token.
//!
//! The rows are made from the document, which is made from the routes: an operation that does not
//! say whom it serves fails this test.

use std::cell::RefCell;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthorn_e2e::settings::now;
use posthorn_e2e::{Client, Stack, client::text, report};
use posthorn_event_schema::{ApplicationId, OrganizationId};
use posthorn_harness::Receiver;
use posthorn_ingest::config::DEFAULT_ORGANIZATION;
use serde_json::{Value, json};

use crate::SOON;

const STRANGER: &str = "org_1srOrx2ZWZBpBUvZwXKQmoEYga2";
const ELEVEN_YEARS: Duration = Duration::from_secs(11 * 365 * 24 * 3_600);

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
    scope: String,
}

/// The operations, with the parts of their paths replaced by objects that exist.
fn operations(document: &Value, objects: &[(&str, &str)]) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = text(&operation["operationId"]);
            let scope = operation["x-posthorn-scope"].as_str();
            let scope = scope.unwrap_or_else(|| panic!("{id} does not say whom it serves"));
            let mut path = path.trim_start_matches("/api/v1").to_owned();
            for (name, object) in objects {
                path = path.replace(&format!("{{{name}}}"), object);
            }
            assert!(!path.contains('{'), "{id}: no object for {path}");
            operations.push(Operation {
                id,
                method: method.to_uppercase(),
                path,
                scope: scope.to_owned(),
            });
        }
    }
    operations
}

fn unsigned(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT"})),
        part(claims)
    )
}

/// Everybody who may ask.
struct Callers {
    invalid: Vec<(&'static str, Client)>,
    owner: Client,
    /// The portal of the application that paths name.
    portal: Client,
    /// The portal of another application.
    elsewhere: Client,
    stranger: Client,
    /// Answers that were not as they must be.
    wrong: RefCell<Vec<String>>,
}

impl Callers {
    fn new(stack: &Stack, app: &str, other_app: &str) -> Self {
        let owner = &stack.client;
        let key = stack.settings.token_key();
        let organization = OrganizationId::parse(DEFAULT_ORGANIZATION).unwrap();
        let stranger = OrganizationId::parse(STRANGER).unwrap();
        let portal = |app: &str| {
            let app = ApplicationId::parse(app).unwrap();
            owner.with_token(&key.issue_application(&organization, &app, now()))
        };
        let long_ago = now().minus(ELEVEN_YEARS);
        let good = stack.settings.token();
        let invalid = [
            ("no token", String::new()),
            ("garbage", "garbage".to_owned()),
            ("expired", key.issue_organization(&organization, long_ago)),
            ("unsigned", unsigned(&json!({"sub": organization.as_str()}))),
            ("cut", good[..good.len() - 4].to_owned()),
        ];
        Self {
            invalid: invalid
                .map(|(who, token)| (who, owner.with_token(&token)))
                .to_vec(),
            owner: owner.clone(),
            portal: portal(app),
            elsewhere: portal(other_app),
            stranger: owner.with_token(&key.issue_organization(&stranger, now())),
            wrong: RefCell::default(),
        }
    }
}

/// Asks without a body: who may not ask is told so before anything else.
async fn expect(
    operation: &Operation,
    callers: &Callers,
    client: &Client,
    who: &str,
    expected: &[u16],
) {
    let request = client.request(&operation.method, &operation.path);
    let status = Client::status(request).await;
    if !expected.contains(&status) {
        let wrong = format!("{}, {who}: {status}, not {expected:?}", operation.id);
        callers.wrong.borrow_mut().push(wrong);
    }
}

/// Everybody is refused who must be.
async fn check(operation: &Operation, callers: &Callers, app: &str) {
    for (who, client) in &callers.invalid {
        expect(operation, callers, client, who, &[401]).await;
    }
    let in_app = operation.path.contains(app);
    let reads_first = [
        "v1.application.update",
        "v1.import.application",
        "v1.message.create",
    ];
    if reads_first.contains(&&*operation.id) {
        // To another organisation the name is free: it may make an application of its own, or bring
        // one. A message is read before its application is looked for. All are told that they sent
        // no body.
        expect(
            operation,
            callers,
            &callers.stranger,
            "another organisation",
            &[400],
        )
        .await;
    } else if in_app {
        expect(
            operation,
            callers,
            &callers.stranger,
            "another organisation",
            &[404],
        )
        .await;
    }
    match operation.scope.as_str() {
        "organization" => expect(operation, callers, &callers.portal, "a portal", &[403]).await,
        "application" => {
            assert!(in_app, "{} names no application", operation.id);
            let who = "another application's portal";
            expect(operation, callers, &callers.elsewhere, who, &[404]).await;
        }
        "operator" => {
            expect(operation, callers, &callers.portal, "a portal", &[403]).await;
            let who = "another organisation";
            expect(operation, callers, &callers.stranger, who, &[403]).await;
        }
        "any" => {}
        other => panic!("{}: nobody knows the scope {other}", operation.id),
    }
}

/// Whoever may read, can.
async fn check_reads(operation: &Operation, callers: &Callers) {
    let answers = [200, 204, 404, 422];
    expect(operation, callers, &callers.owner, "the owner", &answers).await;
    if !matches!(&*operation.scope, "organization" | "operator") {
        expect(operation, callers, &callers.portal, "its portal", &answers).await;
    }
}

#[tokio::test]
async fn every_operation_serves_whom_it_says_and_nobody_else() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let own = &stack.client;
    let app = own.application("mine").await;
    let other_app = own.application("another").await;
    let (endpoint, _) = own.endpoint(&app, &receiver.url("/hook")).await;
    let sent = json!({"eventType": "a.b", "payload": {}});
    let sent = own.post(&format!("/app/{app}/msg"), &sent).await;
    let msg = text(&sent.body["id"]);
    receiver.wait_for("/hook", 1, SOON).await;
    let attempt = text(&own.attempts(&app, &msg, 1).await[0]["id"]);
    let objects = [
        ("app_id", &*app),
        ("endpoint_id", &*endpoint),
        ("msg_id", &*msg),
        ("attempt_id", &*attempt),
        ("event_type_name", "a.b"),
        ("task_id", "qtask_0"),
        ("key_id", "key_0"),
        ("inbox_id", "inbox_0"),
        ("position", "1"),
    ];
    let document = own.get("/openapi.json").await.body;
    let operations = operations(&document, &objects);
    let callers = Callers::new(&stack, &app, &other_app);
    for operation in &operations {
        if operation.scope == "anyone" {
            let answers = [200, 204, 400, 401, 422];
            expect(
                operation,
                &callers,
                &callers.invalid[1].1,
                "garbage",
                &answers,
            )
            .await;
            continue;
        }
        check(operation, &callers, &app).await;
        if operation.method == "GET" {
            check_reads(operation, &callers).await;
        }
    }
    let wrong = callers.wrong.take();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let count = operations.len();
    assert!(count > 35, "only {count} operations");
    report(&format!("{count} operations refuse whom they must"));
    stack.stop().await;
}
