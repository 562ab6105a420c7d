//! Senders that come and go: their partitions change hands, and hardly rest meanwhile.

use std::time::Duration;

use posthorn_e2e::stack::database;
use posthorn_e2e::{Fleet, Load, Producer, Role, Settings, report};
use posthorn_harness::{Receiver, TestNats};

use crate::WHOLE_MACHINE;

/// Endpoints, enough for both senders to have some.
const ENDPOINTS: usize = 8;
/// Events per second, each for all of them.
const RATE: u32 = 20;
/// How long the load goes on before, between and after.
const WHILE: Duration = Duration::from_secs(4);
/// Half of what a sender waits between two looks at the others when nothing is in motion.
const A_MOMENT: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_takes_a_moment() {
    let _machine = WHOLE_MACHINE.lock().await;
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    let mut fleet = Fleet::start(Settings::new(&nats.url(), database.url())).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    let paths: Vec<String> = (0..ENDPOINTS).map(|number| format!("/{number}")).collect();
    for path in &paths {
        client.endpoint(&app, &receiver.url(path)).await;
    }
    let producer = Producer::connect(&nats.url()).await;
    let load = Load::start(producer, &app, "event", RATE);
    tokio::time::sleep(WHILE).await;

    let mut second = fleet.another(Role::Sender);
    let claimed = "partitions claimed";
    second.wait_for_line(claimed, Duration::from_secs(30)).await;
    tokio::time::sleep(WHILE).await;
    let joined = longest_pause(&receiver, &paths);

    let first = fleet.process(Role::Sender);
    first.sigterm();
    first.wait_exit_code(0, Duration::from_secs(30)).await;
    tokio::time::sleep(WHILE).await;
    let left = longest_pause(&receiver, &paths);

    let sent = load.end().await;
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let tally = sent.wait_delivered(&receiver, &names).await;
    report(&format!(
        "a sender came and another went: {} deliveries, 0 lost, {} duplicates, no endpoint without one for \
         longer than {joined:.0?} and {left:.0?}",
        tally.accepted * ENDPOINTS,
        tally.duplicates,
    ));
    assert_eq!(tally.duplicates, 0);
    assert!(joined < A_MOMENT && left < A_MOMENT, "{joined:?}, {left:?}");
    fleet.restart(Role::Sender).await;
    second.sigterm();
    second.wait_exit_code(0, Duration::from_secs(30)).await;
    fleet.stop().await;
}

/// The longest time that passed between two requests to one path.
fn longest_pause(receiver: &Receiver, paths: &[String]) -> Duration {
    let of = |path: &String| {
        let mut arrived: Vec<_> = receiver.received(path).iter().map(|r| r.arrived).collect();
        arrived.sort_unstable();
        let pauses = arrived.windows(2).map(|two| two[1] - two[0]);
        pauses.max().unwrap_or_default()
    };
    paths.iter().map(of).max().unwrap_or_default()
}
