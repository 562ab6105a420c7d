//! Who may do what: every operation of the OpenAPI document × every kind of token.
//!
//! The rows are made from the document, which is made from the routes: an operation that does not
//! say whom it serves fails this test.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthorn_e2e::settings::now;
use posthorn_e2e::{Client, Stack, client::text, report};
use posthorn_event_schema::{ApplicationId, OrganizationId};
use posthorn_harness::Receiver;
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

/// Asks without a body: who may not ask is told so before anything else.
async fn status(client: &Client, operation: &Operation) -> u16 {
    let request = client.request(&operation.method, &operation.path);
    Client::send(request).await.status
}

fn unsigned(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT"})),
        part(claims)
    )
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

    let key = stack.settings.token_key();
    let organization =
        OrganizationId::parse(posthorn_ingest::config::DEFAULT_ORGANIZATION).unwrap();
    let id = |app: &str| ApplicationId::parse(app).unwrap();
    let stranger = OrganizationId::parse(STRANGER).unwrap();
    let long_ago = now().minus(ELEVEN_YEARS);
    let invalid = [
        ("no token", String::new()),
        ("garbage", "garbage".to_owned()),
        ("expired", key.issue_organization(&organization, long_ago)),
        ("unsigned", unsigned(&json!({"sub": organization.as_str()}))),
        ("cut", own_token_cut(&stack)),
    ];
    let stranger = own.with_token(&key.issue_organization(&stranger, now()));
    let portal = own.with_token(&key.issue_application(&organization, &id(&app), now()));
    let elsewhere = own.with_token(&key.issue_application(&organization, &id(&other_app), now()));

    let objects = [
        ("app_id", &*app),
        ("endpoint_id", &*endpoint),
        ("msg_id", &*msg),
        ("attempt_id", &*attempt),
        ("event_type_name", "a.b"),
        ("task_id", "qtask_0"),
    ];
    let document = own.get("/openapi.json").await.body;
    let operations = operations(&document, &objects);
    let mut checks = 0;
    for operation in &operations {
        let (name, in_app) = (&operation.id, operation.path.contains(&app));
        let expect = async |client: &Client, who: &str, expected: &[u16]| {
            let status = status(client, operation).await;
            assert!(expected.contains(&status), "{name}, {who}: {status}");
        };
        if operation.scope == "anyone" {
            expect(
                &own.with_token("garbage"),
                "garbage",
                &[200, 204, 400, 401, 422],
            )
            .await;
            continue;
        }
        for (who, token) in &invalid {
            expect(&own.with_token(token), who, &[401]).await;
        }
        if in_app {
            expect(&stranger, "another organisation", &[404]).await;
        }
        match operation.scope.as_str() {
            "organization" => expect(&portal, "a portal", &[403]).await,
            "application" => {
                assert!(in_app, "{name} names no application");
                expect(&elsewhere, "another application's portal", &[404]).await;
            }
            "any" => {}
            other => panic!("{name}: nobody knows the scope {other}"),
        }
        checks += invalid.len() + 2;
        if operation.method == "GET" {
            for (who, client) in [("the owner", own), ("its portal", &portal)] {
                let allowed = who == "the owner" || operation.scope != "organization";
                let status = status(client, operation).await;
                assert!(
                    !allowed || ![401, 403].contains(&status),
                    "{name}, {who}: {status}"
                );
            }
        }
    }
    assert!(
        operations.len() > 40,
        "only {} operations",
        operations.len()
    );
    report(&format!(
        "{} operations, {checks} refusals checked",
        operations.len()
    ));
    stack.stop().await;
}

/// A good token without its last characters.
fn own_token_cut(stack: &Stack) -> String {
    let token = stack.settings.token();
    token[..token.len() - 4].to_owned()
}
