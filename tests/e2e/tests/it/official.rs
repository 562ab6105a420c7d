//! The official libraries of `PyPI` and npm verify deliveries as they came.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posthorn_e2e::binary::workspace;
use posthorn_e2e::{Stack, report};
use posthorn_harness::{Received, Receiver};
use serde_json::{Map, Value, json};

use crate::SOON;

/// Feeds requests to a verifier and returns its verdicts.
fn verdicts(program: &Path, requests: &[Value]) -> Vec<Value> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let lines: Vec<String> = requests
        .iter()
        .map(|request| format!("{request}\n"))
        .collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.concat().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        program.display(),
        output.status
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn request(library: &str, secret: &str, delivery: &Received, body: &[u8]) -> Value {
    let mut headers = Map::new();
    for (name, value) in &delivery.headers {
        headers.insert(name.to_ascii_lowercase(), json!(value));
    }
    let body = STANDARD.encode(body);
    json!({"library": library, "secret": secret, "headers": headers, "body_base64": body})
}

/// A delivery with this header style, and the secret that it is signed with.
async fn delivery(style: &str) -> (std::sync::Arc<Received>, String) {
    let receiver = Receiver::start().await;
    let stack = Stack::start_with(|settings| settings.with("POSTHORN_HEADER_STYLE", style)).await;
    let app = stack.client.application("acme").await;
    let (_, secret) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let event = r#"{"type":"file.deleted","data":{"name":"é.pdf","size":1.0}}"#;
    stack
        .producer()
        .await
        .publish("posthorn.events.acme.file.deleted", event)
        .await;
    let requests = receiver.wait_for("/hook", 1, SOON).await;
    stack.stop().await;
    (requests[0].clone(), secret)
}

#[tokio::test]
async fn the_libraries_of_pypi_and_npm_verify_our_deliveries() {
    let installer = workspace().join("tests/official-libraries/install.sh");
    let installed = Command::new(&installer).output().unwrap();
    let said = String::from_utf8_lossy(&installed.stderr);
    assert!(
        installed.status.success(),
        "{}:\n{said}",
        installer.display()
    );

    let (svix, svix_secret) = delivery("svix").await;
    let (standard, standard_secret) = delivery("webhook").await;
    let mut changed = svix.body.to_vec();
    changed[1] ^= 1;
    let requests = [
        request("svix", &svix_secret, &svix, &svix.body),
        request(
            "standardwebhooks",
            &standard_secret,
            &standard,
            &standard.body,
        ),
        request("svix", &svix_secret, &svix, &changed),
        request("standardwebhooks", &svix_secret, &standard, &standard.body),
    ];
    for name in ["verify-python", "verify-node"] {
        let program = workspace().join(".tools/official-libraries").join(name);
        let verdicts = verdicts(&program, &requests);
        let accepted: Vec<_> = verdicts
            .iter()
            .map(|verdict| verdict["ok"].clone())
            .collect();
        let expected = [json!(true), json!(true), json!(false), json!(false)];
        assert_eq!(accepted, expected, "{}: {verdicts:?}", program.display());
        report(&format!(
            "{name}: {} and {} verify",
            verdicts[0]["version"], verdicts[1]["version"]
        ));
    }
}
