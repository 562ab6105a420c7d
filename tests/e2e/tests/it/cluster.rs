//! Three senders, two fanouts and two ingests on a NATS cluster of three with three copies of each
//! stream: one of each is killed under load, and nothing accepted is lost.
//!
//! Each service has its own NATS user with the rights of `deploy/nats-accounts.conf`, and no more.

use std::time::Duration;

use crate::WHOLE_MACHINE;
use crate::rights::{PASSWORD, REFUSED, accounts};
use posthorn_e2e::load::Tally;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Load, Producer, Role, Settings, binary, report};
use posthorn_harness::{Process, Receiver, TestDatabase, TestNatsCluster};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// Events per second while things are killed: seven services, three NATS servers and PostgreSQL share
/// the machine with the test.
const RATE: u32 = 60;
/// How long the load goes on before, between and after.
const WHILE: Duration = Duration::from_secs(4);
/// Eighty Raft groups elect their leaders before the first service can start.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(40);

/// Which services run, and how many of each.
const PROCESSES: [(Role, usize); 5] = [
    (Role::Ingest, 2),
    (Role::Fanout, 2),
    (Role::Sender, 3),
    (Role::Recorder, 1),
    (Role::Api, 1),
];

struct Cluster {
    nats: TestNatsCluster,
    receiver: Receiver,
    client: Client,
    app: String,
    processes: Vec<(Role, Process)>,
    _database: TestDatabase,
}

impl Cluster {
    async fn start() -> Self {
        let accounts = accounts();
        let servers = TestNatsCluster::start(&accounts);
        let (nats, database, receiver) = tokio::join!(servers, database(), Receiver::start());
        let settings = Settings::new(&nats.url(), database.url())
            .with("POSTHORN_NATS_REPLICAS", "3")
            .with("POSTHORN_NATS_CONNECT_TIMEOUT", "90s")
            .with("POSTHORN_NATS_PASSWORD", PASSWORD);
        let mut processes = Vec::new();
        for (role, count) in PROCESSES {
            for _ in 0..count {
                processes.push((role, spawn(&settings, role)));
            }
        }
        let mut api = String::new();
        for (role, process) in &mut processes {
            ready(process).await;
            if *role == Role::Api {
                let address = process.wait_for_address("api listening", START).await;
                api = format!("http://{address}");
            }
        }
        let client = Client::new(&api, &settings.token());
        let app = client.application("acme").await;
        for path in ["/one", "/two"] {
            client.endpoint(&app, &receiver.url(path)).await;
        }
        Self {
            nats,
            receiver,
            client,
            app,
            processes,
            _database: database,
        }
    }

    /// What needs rights that no ordinary delivery needs: an application with a rate, and what the
    /// dashboard asks for.
    async fn rights_are_enough(&self) {
        let settings = json!({"name": "slow", "uid": "slow", "throttleRate": 50});
        assert_eq!(self.client.post("/app", &settings).await.status, 201);
        let url = self.receiver.url("/slow");
        let (endpoint, _) = self.client.endpoint("slow", &url).await;
        let producer = Producer::connect_as("producer", PASSWORD, &self.nats.url()).await;
        let event = r#"{"data":1}"#.to_owned();
        producer.publish("posthorn.events.slow.a", event).await;
        self.receiver.wait_for("/slow", 1, START).await;
        let status = format!("/app/slow/endpoint/{endpoint}/rate-limit-status");
        for path in ["/fleet", "/rejected", &status] {
            let answer = self.client.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
    }

    /// Kills the first process of a role that is left.
    fn kill(&mut self, role: Role) {
        let found = self.processes.iter().position(|(other, _)| *other == role);
        let (_, mut process) = self.processes.remove(found.unwrap());
        process.sigkill();
    }

    /// Plays load while `act` does its worst, and waits until nothing is missing.
    async fn under_load(&mut self, name: &str, act: impl AsyncFnOnce(&mut Self)) -> Tally {
        let producer = Producer::connect_as("producer", PASSWORD, &self.nats.url()).await;
        let load = Load::start(producer, &self.app, name, RATE);
        sleep(WHILE).await;
        act(self).await;
        sleep(WHILE).await;
        let sent = load.end().await;
        let ended = Instant::now();
        let tally = sent.wait_delivered(&self.receiver, &["/one", "/two"]).await;
        report(&format!(
            "R3 cluster, SIGKILL of {name}: {} events accepted at {:.0}/s, {} deliveries, 0 lost, \
             {} duplicates, {} publishes repeated, all there {:.1} s after the last",
            tally.accepted,
            tally.rate,
            tally.accepted * 2,
            tally.duplicates,
            sent.repeated,
            ended.elapsed().as_secs_f64(),
        ));
        assert!(
            tally.rate >= f64::from(RATE) * 0.8,
            "{:.0}/s only",
            tally.rate
        );
        for id in sent.accepted.iter().step_by(100) {
            self.client.attempts(&self.app, id, 2).await;
        }
        tally
    }
}

fn spawn(settings: &Settings, role: Role) -> Process {
    let settings = settings.clone().with("POSTHORN_NATS_USER", role.name());
    Process::builder(binary::posthorn())
        .arg(role.name())
        .envs(settings.pairs().iter().cloned())
        .start()
}

async fn ready(process: &mut Process) {
    let admin = process
        .wait_for_address("admin server listening", START)
        .await;
    let url = format!("http://{admin}/readyz");
    process.wait_for_http(&url, START).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_loses_a_nats_server_a_sender_and_a_fanout_and_no_event() {
    let _machine = WHOLE_MACHINE.lock().await;
    let mut cluster = Box::pin(Cluster::start()).await;
    cluster.rights_are_enough().await;
    let whole = cluster
        .under_load("one-nats-server", async |cluster| {
            cluster.nats.node(0).kill();
        })
        .await;
    assert!(whole.accepted > 0);
    cluster.nats.node(0).restart().await;
    cluster
        .under_load("one-sender-of-three", async |cluster| {
            cluster.kill(Role::Sender);
        })
        .await;
    cluster
        .under_load("one-fanout-of-two", async |cluster| {
            cluster.kill(Role::Fanout);
        })
        .await;
    cluster
        .under_load("one-of-each-at-once", async |cluster| {
            cluster.nats.node(1).kill();
            cluster.kill(Role::Sender);
            cluster.kill(Role::Ingest);
        })
        .await;
    for (role, process) in &mut cluster.processes {
        let log = process.stdout() + &process.stderr();
        assert!(!log.contains(REFUSED), "{role:?} lacks a right: {log}");
        process.sigterm();
    }
    for (_, process) in &mut cluster.processes {
        process.wait_exit_code(0, STOP).await;
    }
}
