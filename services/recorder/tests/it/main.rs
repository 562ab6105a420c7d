//! The recorder against a real nats-server and a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod several;

use std::time::Duration;

use bytes::Bytes;
use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_chassis::{Context, Service, metric};
use posthorn_event_schema::{
    ApplicationId, Event, EventId, EventMeta, EventType, OrganizationId, SchemaVersion, Timestamp,
    subject,
};
use posthorn_harness::{DedicatedPostgres, TestNats, eventually};
use posthorn_recorder::{Recorder, RecorderConfig};
use posthorn_store::history::{Content, EventFilter};
use posthorn_store::{Page, Store, StoreConfig, migrate::migrate};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(40);

struct Stack {
    // In the order of their end: the servers last.
    context: Context,
    bus: Bus,
    store: Store,
    postgres: DedicatedPostgres,
    nats: TestNats,
}

impl Stack {
    async fn start() -> Self {
        let (nats, postgres) = tokio::join!(TestNats::start(), DedicatedPostgres::start());
        let config = StoreConfig::from_url(&postgres.url()).unwrap();
        migrate(&config).await.unwrap();
        let store = Store::connect(&config).unwrap();
        let bus = Bus::connect(&BusConfig::for_url(&nats.url()), "test")
            .await
            .unwrap();
        bus.ensure(&Role::ALL).await.unwrap();
        let context = Context::new();
        let config = RecorderConfig::default();
        let recorder = Recorder::build(&config, bus.clone(), store.clone(), &context)
            .await
            .unwrap();
        context.readiness.open();
        let shutdown = context.shutdown.clone();
        context.shutdown.spawn(
            "recorder",
            async move { recorder.run(shutdown).await.unwrap() },
        );
        Self {
            context,
            bus,
            store,
            postgres,
            nats,
        }
    }

    async fn events_become(&self, count: usize) {
        eventually(LONG, "all events in history", async || {
            let page = Page::first(250);
            let filter = EventFilter::default();
            match self
                .store
                .list_events(&application(), &filter, Content::Skip, &page)
                .await
            {
                Ok(slice) if slice.items.len() == count => Ok(()),
                Ok(slice) => Err(format!("{} events", slice.items.len())),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Publishes what no process of ours would.
    async fn publish_raw(&self, subject: &str, payload: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.nats.port()))
            .await
            .unwrap();
        let length = payload.len();
        let text = format!(
            "CONNECT {{\"verbose\":false}}\r\nPUB {subject} {length}\r\n{payload}\r\nPING\r\n"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"PONG\r\n") {
            assert_ne!(
                stream.read_buf(&mut answer).await.unwrap(),
                0,
                "connection closed"
            );
        }
    }

    async fn stop(self) {
        self.context.shutdown.trigger();
        assert_eq!(
            self.context.shutdown.drain(Duration::from_secs(10)).await,
            0
        );
    }
}

fn application() -> ApplicationId {
    ApplicationId::parse("app_1").unwrap()
}

fn event(accepted_at: Timestamp, number: u8) -> Event {
    let meta = EventMeta {
        version: SchemaVersion,
        id: EventId::generate_native(accepted_at, [number; 15]),
        organization: OrganizationId::parse("org_1").unwrap(),
        application: application(),
        event_type: EventType::parse("file.deleted").unwrap(),
        accepted_at,
        channels: Vec::new(),
        tags: Vec::new(),
        producer_key: None,
        retention_hours: 24 * 90,
        trace_id: None,
        deliver_at: None,
        expires_at: None,
        ordering_key: None,
        config_revision: None,
    };
    Event {
        meta,
        body: Bytes::from_static(b"{}"),
    }
}

fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_complete_after_postgresql_was_away() {
    let mut stack = Stack::start().await;
    stack.bus.publish_event(&event(now(), 0)).await.unwrap();
    stack.events_become(1).await;

    stack.postgres.stop().await;
    for number in 1..=20 {
        stack
            .bus
            .publish_event(&event(now(), number))
            .await
            .unwrap();
    }
    eventually(LONG, "unready with a reason", async || {
        let report = stack.context.readiness.report();
        let shut = report.gates.iter().any(|gate| gate.reason.is_some());
        if shut {
            Ok(())
        } else {
            Err(format!("{report:?}"))
        }
    })
    .await;
    stack.postgres.restart().await;

    stack.events_become(21).await;
    eventually(LONG, "ready again", async || {
        let report = stack.context.readiness.report();
        if report.is_ready() {
            Ok(())
        } else {
            Err(format!("{report:?}"))
        }
    })
    .await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_poisonous_row_does_not_stop_the_rest() {
    let stack = Stack::start().await;
    for number in 0..10 {
        // A moment that no clock had: its row can never be written.
        let at = if number == 4 {
            Timestamp::from_unix_micros(0)
        } else {
            now()
        };
        stack.bus.publish_event(&event(at, number)).await.unwrap();
    }
    stack
        .publish_raw(&subject::event(&application()), "no frame")
        .await;
    stack.publish_raw("outcomes.attempt", "no outcome").await;

    stack.events_become(9).await;
    eventually(LONG, "three refusals, counted once stored", async || {
        let text = metric::render().unwrap();
        // Other tests of this process count, too.
        let counted = |code: &str, least: u32| {
            let labels = format!("{{code=\"{code}\",door=\"recorder\"}} ");
            let mut lines = text.lines().filter(|line| line.contains("events_rejected"));
            let count = lines.find_map(|line| line.split_once(&labels)?.1.parse::<u32>().ok());
            count.is_some_and(|count| count >= least)
        };
        let all = counted("refused_by_database", 1) && counted("unreadable", 2);
        if all { Ok(()) } else { Err(text.clone()) }
    })
    .await;
    stack.stop().await;
}
