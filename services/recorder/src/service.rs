//! The recorder as a process: two pumps and the upkeep, until told to stop.

use std::sync::Arc;

use posthorn_bus::{Bus, Messages};
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{BoxError, Context, Service, Shutdown};
use posthorn_event_schema::{Event, Outcome};
use posthorn_store::Store;

use crate::pump::Pump;
use crate::record::Record;
use crate::{RecorderConfig, upkeep};

/// The recorder, built and not yet running.
pub struct Recorder {
    config: RecorderConfig,
    bus: Bus,
    store: Store,
    gates: Gates,
    events: Messages,
    outcomes: Messages,
}

/// Each part says for itself whether it gets through to PostgreSQL.
struct Gates {
    events: Arc<Gate>,
    outcomes: Arc<Gate>,
    upkeep: Arc<Gate>,
}

impl Recorder {
    /// Subscribes to EVENTS and OUTCOMES; PostgreSQL need not be there yet.
    ///
    /// # Errors
    /// When NATS does not answer, or the consumers do not exist.
    pub async fn build(
        config: &RecorderConfig,
        bus: Bus,
        store: Store,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let gate = |name| Arc::new(context.readiness.gate(name));
        let gates = Gates {
            events: gate("history_events"),
            outcomes: gate("history_outcomes"),
            upkeep: gate("history_upkeep"),
        };
        let events = bus.messages(Event::READER, config.batch_rows).await?;
        let outcomes = bus.messages(Outcome::READER, config.batch_rows).await?;
        Ok(Self {
            config: config.clone(),
            bus,
            store,
            gates,
            events,
            outcomes,
        })
    }
}

impl Service for Recorder {
    async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        let Self {
            config,
            bus,
            store,
            gates,
            events,
            outcomes,
        } = self;
        let pump = |gate: Arc<Gate>| {
            // Until its first write a pump has nothing to complain of.
            gate.ready();
            Pump {
                bus: bus.clone(),
                store: store.clone(),
                config: config.clone(),
                gate,
                shutdown: shutdown.clone(),
            }
        };
        shutdown.spawn("history_events", pump(gates.events).run::<Event>(events));
        shutdown.spawn(
            "history_outcomes",
            pump(gates.outcomes).run::<Outcome>(outcomes),
        );
        upkeep::run(store, gates.upkeep, config.retention_days, shutdown.clone()).await;
        Ok(())
    }
}
