//! SIGTERM: what is in flight is finished, what is not is left for the next process.

use std::time::Duration;

use posthorn_e2e::stack::database;
use posthorn_e2e::{Fleet, Producer, Role, Settings};
use posthorn_harness::{Behaviour, Receiver, TestNats};

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_told_to_stop_finishes_its_requests_and_another_does_the_rest() {
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    let slow = Behaviour::Status(200).after(Duration::from_secs(1));
    receiver.set("/slow", slow);
    let settings =
        Settings::new(&nats.url(), database.url()).with("POSTHORN_SENDER_ENDPOINT_IN_FLIGHT", "4");
    let mut fleet = Fleet::start(settings).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    client.endpoint(&app, &receiver.url("/slow")).await;
    let producer = Producer::connect(&nats.url()).await;
    for number in 0..12 {
        let body = format!(r#"{{"id":"event_{number}","data":1}}"#);
        producer.publish("posthorn.events.acme.a", body).await;
    }
    receiver.wait_for("/slow", 2, Duration::from_secs(30)).await;
    fleet.process(Role::Sender).sigterm();
    fleet
        .process(Role::Sender)
        .wait_exit_code(0, Duration::from_secs(20))
        .await;
    let done = receiver.count("/slow");
    assert!(done < 12, "all {done} were sent after the signal");

    fleet.restart(Role::Sender).await;
    receiver
        .wait_for("/slow", 12, Duration::from_secs(60))
        .await;
    for number in 0..12 {
        client.attempts(&app, &format!("event_{number}"), 1).await;
    }
    assert_eq!(
        receiver.count("/slow"),
        12,
        "a drained sender causes no duplicate"
    );
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_settings_is_told_with_all_others_and_ends_with_64() {
    let mut process = posthorn_harness::Process::builder(posthorn_e2e::binary::posthorn())
        .arg("sender")
        .env("POSTHORN_RETRY_SCHEDULE", "5")
        .env("POSTHORN_SENDER_IN_FLIGT", "5")
        .start();
    process.wait_exit_code(64, Duration::from_secs(20)).await;
    let said = process.stderr();
    for part in [
        "POSTHORN_RETRY_SCHEDULE",
        "POSTHORN_ENCRYPTION_KEYS",
        "POSTHORN_SENDER_IN_FLIGHT",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
}

#[tokio::test]
async fn a_sender_that_stops_does_not_wait_for_turns_of_the_waiting_room() {
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    receiver.set("/hook", Behaviour::Status(500));
    // About three turns in two seconds, for sixty retries that are due at once.
    let settings = Settings::new(&nats.url(), database.url())
        .with("POSTHORN_SENDER_PACE", "1")
        .with("POSTHORN_RETRY_SCHEDULE", "1s,1h")
        .with("POSTHORN_BREAKER_OPEN", "0s");
    let mut fleet = Fleet::start(settings).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    for _ in 0..60 {
        client.endpoint(&app, &receiver.url("/hook")).await;
    }
    let producer = Producer::connect(&nats.url()).await;
    producer
        .publish("posthorn.events.acme.a", r#"{"data":1}"#)
        .await;
    receiver
        .wait_for("/hook", 63, Duration::from_secs(30))
        .await;
    let sender = fleet.process(Role::Sender);
    sender.sigterm();
    sender.wait_exit_code(0, Duration::from_secs(25)).await;
    let attempts = receiver.count("/hook");
    assert!(
        attempts < 100,
        "{attempts} attempts: nothing waited for a turn"
    );
    fleet.restart(Role::Sender).await;
    fleet.stop().await;
}
