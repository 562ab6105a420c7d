//! SIGKILL of any part under load: every accepted event is delivered, duplicates are counted.
//!
//! The figures are shown in the output of `make test`.

use std::time::Duration;

use crate::WHOLE_MACHINE;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Fleet, Load, Producer, Role, Settings, report};
use posthorn_harness::{Receiver, SyncInterval, TestDatabase, TestNats};

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
