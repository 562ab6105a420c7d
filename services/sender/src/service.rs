//! The sender as a process.

use std::sync::Arc;

use http::HeaderValue;
use posthorn_bus::{Bus, LastAck};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{BoxError, Context, Service};
use posthorn_event_schema::Shard;
use posthorn_signing::KeyRing;

use crate::SenderConfig;
use crate::attempt::Attempts;
use crate::clients::Clients;
use crate::endpoint::Endpoints;
use crate::lanes::Limits;
use crate::memory::Memory;
use crate::ownership::Ownership;
use crate::pace::Pace;
use crate::partition::Shared;
use crate::places::Places;
use crate::request::Style;
use crate::room::Rooms;

/// The sender, built and not yet running.
pub struct Sender {
    ownership: Ownership,
}

impl Sender {
    /// Reads the configuration snapshot and prepares to own partitions.
    ///
    /// # Errors
    /// When NATS does not answer, or the keys or TLS roots cannot be used.
    pub async fn build(
        config: &SenderConfig,
        bus: Bus,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let shutdown = context.shutdown.clone();
        let style = Style {
            headers: config.header_style,
            user_agent: HeaderValue::from_str(&config.user_agent)?,
        };
        let attempts = Attempts {
            snapshot: bus.snapshot(&shutdown).await?,
            bus: bus.clone(),
            endpoints: Arc::new(Endpoints::new(KeyRing::parse(
                config.encryption_keys.expose(),
            )?)),
            clients: Arc::new(Clients::new(
                config.egress.clone(),
                config.proxy()?,
                config.timeout,
            )?),
            tokens: Arc::default(),
            style: Arc::new(style),
            schedule: Arc::new(config.retry_schedule.clone()),
            withdrawn: Arc::default(),
        };
        let [_, parked, retry, replay] = config.places();
        let shared = Arc::new(Shared {
            bus: bus.clone(),
            attempts,
            last_acks: Shard::ALL.map(|_| LastAck::new(&shutdown)),
            shutdown,
            limits: Limits {
                endpoint_in_flight: config.endpoint_in_flight,
                endpoint_queue: config.endpoint_queue,
                breaker_open: config.breaker_open,
            },
            pull_window: config.pull_window,
            places: Places::new(config.places()),
            rooms: Rooms::new([parked, retry, replay]),
            pace: Pace::new(config.pace),
            memory: Memory::new(config.queue, config.queue_bytes),
        });
        let gate = context.readiness.gate("partitions");
        let me = Arc::clone(&context.instance);
        let ownership = Ownership::new(&bus, me, shared, gate).await?;
        Ok(Self { ownership })
    }
}

impl Service for Sender {
    async fn run(self, _shutdown: Shutdown) -> Result<(), BoxError> {
        self.ownership.run().await;
        Ok(())
    }
}
