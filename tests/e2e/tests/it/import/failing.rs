//! What goes wrong is said in words, before anything is changed.

use posthorn_e2e::Stack;
use posthorn_e2e::binary::posthorn;
use posthorn_event_schema::{ApplicationId, OrganizationId};
use posthorn_harness::{Behaviour, Process, Receiver};
use posthorn_ingest::config::DEFAULT_ORGANIZATION;
use serde_json::json;

use super::{PATIENCE, start};

/// Runs it, and expects a failure that says all of this.
async fn fails(from: (&str, &str), to: (&str, &str), parts: &[&str]) {
    let mut process = start(from, to, &[]);
    process.wait_exit_code(1, PATIENCE).await;
    let said = process.stderr();
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(!said.contains("eyJ"), "a token is in {said}");
}

#[tokio::test]
async fn a_wrong_url_and_a_wrong_token_are_told_clearly() {
    let (stack, mut elsewhere) = tokio::join!(Stack::start(), Receiver::start());
    let (url, token) = (stack.client.base(), &*stack.settings.token());
    let organization = OrganizationId::parse(DEFAULT_ORGANIZATION).unwrap();
    let app = stack.client.application("mine").await;
    let app = ApplicationId::parse(&app).unwrap();
    let key = stack.settings.token_key();
    let portal = key.issue_application(&organization, &app, posthorn_e2e::settings::now());
    let cut = &token[..token.len() - 4];
    let good = (url, token);

    fails((url, cut), good, &["the source refuses the token (401)"]).await;
    fails(good, (url, cut), &["the target refuses the token (401)"]).await;
    fails(
        (url, &portal),
        good,
        &["the token for the source", "organisation's"],
    )
    .await;
    fails(
        good,
        (url, &portal),
        &["the token for the target", "organisation's"],
    )
    .await;

    // Something else than an API, and a Svix server where Posthorn should be.
    let other = elsewhere.url("");
    let no_api = ["does not answer like Svix's API", "the URL of the source"];
    fails((&other, token), good, &no_api).await;
    elsewhere.set_default(Behaviour::Redirect("https://example.com/".to_owned()));
    fails(
        (&other, token),
        good,
        &["the source redirects to another URL"],
    )
    .await;
    elsewhere.set_default(Behaviour::Status(404));
    fails((&other, token), good, &no_api).await;
    let empty = json!({"data": [], "iterator": null, "done": true}).to_string();
    elsewhere.set("/api/v1/app", Behaviour::with_body(200, empty));
    fails(
        good,
        (&other, token),
        &["it is no Posthorn, or an older one"],
    )
    .await;
    elsewhere.close().await;
    fails(
        (&other, token),
        good,
        &["cannot reach the source at", &other],
    )
    .await;
    fails(
        ("ftp://x", token),
        good,
        &["the URL of the source cannot be used"],
    )
    .await;
    stack.stop().await;
}

#[tokio::test]
async fn settings_that_are_missing_are_told_at_once() {
    let mut process = Process::builder(posthorn())
        .args(["import", "svix", "--from", "https://svix.example.com"])
        .env("POSTHORN_IMPORT_TO_TOKEN_FILE", "/nowhere/token")
        .start();
    process.wait_exit_code(64, PATIENCE).await;
    let said = process.stderr();
    for part in ["or --from-token;", "or --to;", "cannot read /nowhere/token"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}
