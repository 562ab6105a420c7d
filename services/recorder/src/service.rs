//! The recorder as a process: two pumps, the upkeep and the figures, until told to stop.

use std::sync::Arc;

use posthorn_bus::{Batches, Bus};
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{BoxError, Context, Service, Shutdown};
use posthorn_event_schema::{Event, Outcome};
use posthorn_store::Store;
use tokio::task::JoinHandle;

use crate::pump::Pump;
use crate::record::Record;
use crate::{RecorderConfig, figures, upkeep};

/// The recorder, built and not yet running.
pub struct Recorder {
    config: RecorderConfig,
    bus: Bus,
    store: Store,
    gates: Gates,
    events: Batches,
    outcomes: Batches,
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
        let events = bus.batches(Event::READER).await?;
        let outcomes = bus.batches(Outcome::READER).await?;
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
        let events = pump(gates.events).run::<Event>(events);
        let outcomes = pump(gates.outcomes).run::<Outcome>(outcomes);
        let figures = figures::run(store.clone(), shutdown.clone());
        let upkeep = upkeep::run(store, gates.upkeep, config.retention_days, shutdown.clone());
        tokio::try_join!(
            ended(shutdown.spawn("history_events", events)),
            ended(shutdown.spawn("history_outcomes", outcomes)),
            ended(shutdown.spawn("history_upkeep", upkeep)),
            ended(shutdown.spawn("history_figures", figures)),
        )?;
        Ok(())
    }
}

/// Waits for a part's end. One that panics ends the process, which is started again: a gate says
/// what its part said last, so half of history would be missing behind a ready process.
async fn ended(part: JoinHandle<()>) -> Result<(), BoxError> {
    part.await.map_err(BoxError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_ends_the_process_while_the_others_go_on() {
        let shutdown = Shutdown::new();
        let broken = shutdown.spawn("broken", async { panic!("as the test wants it") });
        let sound = shutdown.spawn("sound", std::future::pending());
        let error = tokio::try_join!(ended(sound), ended(broken)).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }
}
