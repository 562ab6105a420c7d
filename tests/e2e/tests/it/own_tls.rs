//! TLS of an endpoint's own: the certificate that it is shown, the roots that its server is signed by.

use posthorn_e2e::client::{Answer, text};
use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Receiver, eventually};
use serde_json::{Value, json};

use crate::SOON;
use crate::tls_front::{Authority, TlsFront, certificate};

/// The deployment's schedule is short; a retry comes when the change is known at the latest.
async fn start() -> (Stack, Receiver) {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    stack.client.application("acme").await;
    (stack, receiver)
}

fn path(endpoint: &str, what: &str) -> String {
    format!("/app/acme/endpoint/{endpoint}/{what}")
}

async fn put(stack: &Stack, endpoint: &str, what: &str, body: &Value) -> Answer {
    let request = stack.client.request("PUT", &path(endpoint, what));
    Client::send(request.json(body)).await
}

async fn set(stack: &Stack, endpoint: &str, what: &str, body: &Value) {
    let answer = put(stack, endpoint, what, body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Publishes an event and returns its id.
async fn publish(stack: &Stack) -> String {
    let event = json!({"eventType": "a", "payload": {}});
    let sent = stack.client.post("/app/acme/msg", &event).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    text(&sent.body["id"])
}

/// How an event's first attempt at an endpoint failed, as a class; empty for a success. And the
/// words that history has.
async fn first_attempt(stack: &Stack, event: &str, endpoint: &str) -> (String, String) {
    let select = format!(
        "SELECT coalesce(failure, ''), response FROM attempts \
         WHERE event_id = '{event}' AND endpoint_id = '{endpoint}' ORDER BY number"
    );
    eventually(SOON, "the attempt in history", async || {
        let rows = stack.database.sql(&select).await;
        let first = rows.into_iter().next().ok_or("no attempt")?;
        let [class, words] = <[String; 2]>::try_from(first).unwrap();
        Ok::<_, String>((class, words))
    })
    .await
}

#[tokio::test]
async fn a_private_authority_counts_for_the_endpoint_that_brings_it_and_no_other() {
    let (stack, receiver) = start().await;
    let authority = Authority::new("private");
    let front = TlsFront::start(&receiver, &authority, None).await;
    let (with, _) = stack.client.endpoint("acme", &front.url("/with")).await;
    let (without, _) = stack.client.endpoint("acme", &front.url("/without")).await;
    set(&stack, &with, "ca", &json!({"caCert": authority.pem})).await;
    let shown = stack.client.get(&path(&with, "ca")).await.body;
    assert_eq!(shown["certificates"][0]["subject"], "CN=private", "{shown}");
    assert_eq!(shown["caCert"], authority.pem.replace("\r\n", "\n"));
    let none = stack.client.get(&path(&without, "ca")).await;
    assert_eq!(none.status, 404, "{none:?}");

    let event = publish(&stack).await;
    receiver.wait_for("/with", 1, SOON).await;
    let (class, words) = first_attempt(&stack, &event, &without).await;
    assert_eq!(class, "tls", "{words}");
    assert!(words.contains("UnknownIssuer"), "{words}");
    assert_eq!(receiver.count("/without"), 0);

    // The connection of before, which trusted the authority, is not used any more.
    let request = stack.client.request("DELETE", &path(&with, "ca"));
    assert_eq!(Client::send(request).await.status, 204);
    eventually(SOON, "a delivery that is not trusted", async || {
        let event = publish(&stack).await;
        let (class, _) = first_attempt(&stack, &event, &with).await;
        if class == "tls" { Ok(()) } else { Err(class) }
    })
    .await;
    stack.stop().await;
}

#[tokio::test]
async fn who_demands_a_certificate_is_shown_that_of_its_endpoint_and_no_other() {
    let (stack, receiver) = start().await;
    let [servers, clients] = ["servers", "clients"].map(Authority::new);
    let front = TlsFront::start(&receiver, &servers, Some(&clients)).await;
    let (with, _) = stack.client.endpoint("acme", &front.url("/with")).await;
    let (without, _) = stack.client.endpoint("acme", &front.url("/without")).await;
    for endpoint in [&with, &without] {
        set(&stack, endpoint, "ca", &json!({"caCert": servers.pem})).await;
    }
    let event = publish(&stack).await;
    let (class, words) = first_attempt(&stack, &event, &with).await;
    assert_eq!(class, "tls", "{words}");

    let (one, key) = clients.client("one");
    let identity = format!("{key}{one}");
    set(&stack, &with, "mtls", &json!({"identity": identity})).await;
    // A retry of what failed before.
    receiver.wait_for("/with", 1, SOON).await;
    let event = publish(&stack).await;
    receiver.wait_for("/with", 2, SOON).await;
    let (class, words) = first_attempt(&stack, &event, &without).await;
    assert_eq!(class, "tls", "{words}");
    assert_eq!(receiver.count("/without"), 0);
    let shown = front.shown();
    assert!(shown.iter().all(|shown| *shown == Some(certificate(&one))));

    // The key is nowhere to be read.
    let answer = stack.client.get(&path(&with, "mtls")).await.body;
    assert_eq!(answer["chain"][0]["subject"], "CN=one", "{answer}");
    let rows = stack
        .database
        .sql("SELECT endpoint_access::text FROM endpoint_access")
        .await;
    let secret = key.lines().nth(1).unwrap();
    for text in [answer.to_string(), format!("{rows:?}")] {
        assert!(
            !text.contains("PRIVATE KEY") && !text.contains(secret),
            "{text}"
        );
    }

    // Another certificate is shown on connections of its own.
    let (two, key) = clients.client("two");
    set(
        &stack,
        &with,
        "mtls",
        &json!({"identity": format!("{two}{key}")}),
    )
    .await;
    eventually(
        SOON,
        "a connection with the other certificate",
        async || {
            let count = receiver.count("/with");
            publish(&stack).await;
            receiver.wait_for("/with", count + 1, SOON).await;
            let last = front.shown().pop().flatten();
            if last == Some(certificate(&two)) {
                Ok(())
            } else {
                Err(count.to_string())
            }
        },
    )
    .await;
    stack.stop().await;
}

#[tokio::test]
async fn tls_material_that_cannot_work_is_refused_with_its_reason() {
    let (stack, receiver) = start().await;
    let (endpoint, _) = stack.client.endpoint("acme", &receiver.url("/hook")).await;
    let authority = Authority::new("authority");
    let (one, key) = authority.client("one");
    let (_, other_key) = authority.client("other");
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (what, field, pem, code) in [
        (
            "mtls",
            "identity",
            "no PEM".to_owned(),
            "certificate.missing",
        ),
        ("mtls", "identity", one.clone(), "key.missing"),
        (
            "mtls",
            "identity",
            format!("{one}{other_key}"),
            "key.mismatch",
        ),
        (
            "mtls",
            "identity",
            format!("{one}{encrypted}"),
            "key.encrypted",
        ),
        (
            "mtls",
            "identity",
            format!("{one}{key}").repeat(100),
            "pem.too_large",
        ),
        (
            "mtls",
            "identity",
            {
                let (pem, key) = authority.expired();
                pem + &key
            },
            "certificate.expired",
        ),
        (
            "ca",
            "caCert",
            one.replace("MII", "AAA"),
            "certificate.invalid",
        ),
        (
            "ca",
            "caCert",
            format!("{}{key}", authority.pem),
            "key.unwanted",
        ),
        ("ca", "caCert", authority.expired().0, "certificate.expired"),
    ] {
        let answer = put(&stack, &endpoint, what, &json!({ field: pem })).await;
        assert_eq!(answer.status, 422, "{code}: {answer:?}");
        let problem = &answer.body["detail"][0];
        assert_eq!(problem["loc"], json!(["body", field]), "{answer:?}");
        assert_eq!(problem["type"], code, "{answer:?}");
        assert!(!answer.body.to_string().contains("BEGIN"), "{answer:?}");
        let none = stack.client.get(&path(&endpoint, what)).await;
        assert_eq!(none.status, 404, "{none:?}");
    }
    stack.stop().await;
}
