//! Real binaries: here shells, which stand in for ours.

use std::time::Duration;

use posthorn_harness::{Process, Receiver};

use crate::SOON;

fn shell(script: &str) -> Process {
    Process::builder("/bin/sh")
        .args(["-c", script])
        .env("GREETING", "hello")
        .start()
}

#[tokio::test]
async fn output_environment_and_exit_code_are_seen() {
    let mut process = shell("echo $GREETING; echo trouble >&2; exit 3");
    assert_eq!(process.wait_for_line("hell", SOON).await, "hello");
    process.wait_exit_code(3, SOON).await;
    assert_eq!(
        (process.stdout().as_str(), process.stderr().as_str()),
        ("hello\n", "trouble\n")
    );
    assert!(!process.is_running());
}

#[tokio::test]
async fn signals_arrive() {
    let mut process =
        shell("trap 'echo stopping; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    process.wait_for_line("ready", SOON).await;
    process.sigterm();
    process.wait_exit_code(0, SOON).await;
    assert!(process.stdout().ends_with("stopping\n"));

    let mut process = shell("sleep 60");
    process.sigkill();
    assert_eq!(process.wait(SOON).await.code(), None);
}

#[tokio::test]
async fn readiness_is_an_http_answer() {
    let receiver = Receiver::start().await;
    let mut process = shell("sleep 60");
    process.wait_for_http(&receiver.url("/readyz"), SOON).await;
    assert_eq!(receiver.received("/readyz")[0].method, "GET");
}

#[tokio::test]
#[should_panic(expected = "no such luck")]
async fn a_process_that_ends_too_early_shows_its_log() {
    shell("echo no such luck >&2")
        .wait_for_line("ready", SOON)
        .await;
}

#[tokio::test]
#[should_panic(expected = "still running after")]
async fn a_process_that_does_not_end_is_reported() {
    shell("sleep 60").wait(Duration::from_millis(50)).await;
}
