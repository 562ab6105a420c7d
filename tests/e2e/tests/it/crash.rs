//! SIGKILL of any part under load: every accepted event is delivered, duplicates are counted.
//!
//! The figures are shown in the output of `make test`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::WHOLE_MACHINE;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Fleet, Load, Producer, Role, Settings, report};
use posthorn_harness::{Behaviour, Received, Receiver, SyncInterval, TestDatabase, TestNats};

/// Events per second while things are killed.
const RATE: u32 = 250;
/// How long the load goes on before, between and after.
const WHILE: Duration = Duration::from_secs(3);

struct UnderLoad {
    nats: TestNats,
    fleet: Fleet,
    receiver: Receiver,
    app: String,
    _database: TestDatabase,
}

impl UnderLoad {
    async fn start() -> Self {
        // As in production: what is acknowledged is on disk.
        let safe = TestNats::start_with(|options| options.sync = SyncInterval::Always);
        let (nats, database, receiver) = tokio::join!(safe, database(), Receiver::start());
        let fleet = Fleet::start(Settings::new(&nats.url(), database.url())).await;
        let client = fleet.client();
        let app = client.application("acme").await;
        for path in ["/one", "/two"] {
            client.endpoint(&app, &receiver.url(path)).await;
        }
        Self {
            nats,
            fleet,
            receiver,
            app,
            _database: database,
        }
    }

    async fn load(&self, name: &str) -> Load {
        let producer = Producer::connect(&self.nats.url()).await;
        let load = Load::start(producer, &self.app, name, RATE);
        tokio::time::sleep(WHILE).await;
        load
    }

    /// Ends the load and waits until nothing is missing, at the endpoints and in history.
    async fn settle(&self, load: Load, what: &str) {
        tokio::time::sleep(WHILE).await;
        let sent = load.end().await;
        let tally = sent.wait_delivered(&self.receiver, &["/one", "/two"]).await;
        report(&format!(
            "{what}: {} events accepted at {:.0}/s, {} deliveries, 0 lost, {} duplicates, \
             {} publishes repeated",
            tally.accepted,
            tally.rate,
            tally.accepted * 2,
            tally.duplicates,
            sent.repeated,
        ));
        assert!(
            tally.rate >= 200.0,
            "the load was only {:.0} events/s",
            tally.rate
        );
        for id in sent.accepted.iter().step_by(100) {
            self.fleet.client().attempts(&self.app, id, 2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_each_service_under_load_loses_nothing() {
    let _machine = WHOLE_MACHINE.lock().await;
    let mut under = UnderLoad::start().await;
    for role in Role::ALL {
        let load = under.load(role.name()).await;
        under.fleet.kill(role);
        tokio::time::sleep(Duration::from_millis(500)).await;
        under.fleet.restart(role).await;
        under
            .settle(load, &format!("SIGKILL of {}", role.name()))
            .await;
    }
    under.fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_nats_server_under_load_loses_nothing() {
    let _machine = WHOLE_MACHINE.lock().await;
    let mut under = UnderLoad::start().await;
    let load = under.load("nats").await;
    under.nats.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    under.nats.restart().await;
    under.settle(load, "SIGKILL of nats-server").await;
    under.fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sender_shares_the_work_and_takes_it_over() {
    let _machine = WHOLE_MACHINE.lock().await;
    let mut under = UnderLoad::start().await;
    let mut second = under.fleet.another(Role::Sender);
    second
        .wait_for_line("partitions claimed", Duration::from_secs(30))
        .await;
    let load = under.load("handover").await;
    under.fleet.kill(Role::Sender);
    under.settle(load, "SIGKILL of one of two senders").await;
    under.fleet.restart(Role::Sender).await;
    second.sigterm();
    second.wait_exit_code(0, Duration::from_secs(30)).await;
    under.fleet.stop().await;
}

/// Endpoints of the frozen sender and the other; either has some of them.
const ENDPOINTS: usize = 8;
/// What the other sender calls itself.
const OTHER: &str = "other";

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_was_frozen_repeats_no_more_than_it_had_in_flight() {
    let _machine = WHOLE_MACHINE.lock().await;
    let mut under = UnderLoad::start().await;
    let client = under.fleet.client();
    let slow = client.application("slow").await;
    let paths: Vec<_> = (0..ENDPOINTS).map(|number| format!("/{number}")).collect();
    for path in &paths {
        // Slower than the load, so that memory and the waiting room fill.
        let late = Behaviour::Status(200).after(Duration::from_secs(1));
        under.receiver.set(path, late);
        client.endpoint(&slow, &under.receiver.url(path)).await;
    }
    let named = |settings: Settings| settings.with("POSTHORN_USER_AGENT", OTHER);
    let mut other = under.fleet.another_with(Role::Sender, named);
    other
        .wait_for_line("partitions claimed", Duration::from_secs(30))
        .await;
    let producer = Producer::connect(&under.nats.url()).await;
    let load = Load::start(producer, &slow, "frozen", 36);
    tokio::time::sleep(Duration::from_secs(5)).await;

    under.fleet.process(Role::Sender).sigstop();
    // Its partitions are taken over after 6 s, and its jobs handed out again after 15 s.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let woken = Instant::now();
    under.fleet.process(Role::Sender).sigcont();
    tokio::time::sleep(WHILE).await;
    for path in &paths {
        under.receiver.set(path, Behaviour::Status(200));
    }
    let sent = load.end().await;
    let names: Vec<_> = paths.iter().map(String::as_str).collect();
    let tally = sent.wait_delivered(&under.receiver, &names).await;
    let repeats = repeats(&under.receiver, &paths, woken);
    report(&format!(
        "SIGSTOP of one of two senders for 20 s: {} deliveries, 0 lost, {} duplicates, of them \
         {repeats} because it went on when it woke",
        tally.accepted * ENDPOINTS,
        tally.duplicates,
    ));
    // What it looked its lease up for and did not send before it froze goes out when it wakes.
    assert!(repeats <= ENDPOINTS, "{repeats}");
    other.sigterm();
    other.wait_exit_code(0, Duration::from_secs(30)).await;
    under.fleet.stop().await;
}

/// How many requests of the sender that woke the other sender made, too.
fn repeats(receiver: &Receiver, paths: &[String], woken: Instant) -> usize {
    let of = |path: &String| {
        let requests = receiver.received(path);
        let is_others = |request: &&Arc<Received>| request.header("user-agent") == Some(OTHER);
        let id = |request: &Arc<Received>| request.header("svix-id").map(str::to_owned);
        let (others, its_own): (Vec<_>, Vec<_>) = requests.iter().partition(is_others);
        let sent: HashSet<_> = others.into_iter().filter_map(id).collect();
        let awake = its_own
            .into_iter()
            .filter(|request| request.arrived > woken);
        awake.filter_map(id).filter(|id| sent.contains(id)).count()
    };
    paths.iter().map(of).sum()
}
