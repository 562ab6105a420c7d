//! fanout as a process: takes events, and those whose time has come, with a permit each, until told
//! to stop.

use std::sync::Arc;

use posthorn_bus::topology::Reader;
use posthorn_bus::{Bus, Messages};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{BoxError, Context, Service};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::FanoutConfig;
use crate::handle::{Brought, Handler, Source, still_here};
use crate::rosters::Rosters;

/// Messages taken from the stream ahead of the permits. Few, because nobody tells the server that these
/// are still here: those that wait longer than the ack wait are handed out a second time. Not fewer,
/// because a pull brings no more than these: with 16, a machine short of processor time fanned out
/// half as many events as with 128.
const PREFETCH: usize = 64;

/// fanout, built and not yet running.
pub struct Fanout {
    handler: Handler,
    events: Messages,
    scheduled: Messages,
    in_flight: usize,
}

impl Fanout {
    /// Reads the configuration snapshot and subscribes to EVENTS and SCHEDULED.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn build(
        config: &FanoutConfig,
        bus: Bus,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let snapshot = bus.snapshot(&context.shutdown).await?;
        let events = bus.messages(Reader::Fanout, PREFETCH).await?;
        let scheduled = bus.messages(Reader::FanoutScheduled, PREFETCH).await?;
        let handler = Handler {
            bus,
            snapshot,
            window: config.delivery_window,
            callbacks: config.callbacks.clone(),
            rosters: Rosters::default(),
            shutdown: context.shutdown.clone(),
        };
        Ok(Self {
            handler,
            events,
            scheduled,
            in_flight: config.in_flight,
        })
    }
}

impl Service for Fanout {
    async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        let permits = Arc::new(Semaphore::new(self.in_flight));
        // Each is read on its own: a subscription that is being made anew must not be disturbed by
        // messages of the other.
        let handler = Arc::new(self.handler);
        let pump = |messages, source| Pump {
            handler: Arc::clone(&handler),
            messages,
            source,
            permits: Arc::clone(&permits),
            in_flight: self.in_flight,
            shutdown: shutdown.clone(),
        };
        tokio::try_join!(
            Box::pin(pump(self.events, Source::Events).run()),
            Box::pin(pump(self.scheduled, Source::Scheduled).run()),
        )?;
        Ok(())
    }
}

/// Reads one consumer.
struct Pump {
    handler: Arc<Handler>,
    messages: Messages,
    source: Source,
    permits: Arc<Semaphore>,
    /// How many permits there are.
    in_flight: usize,
    shutdown: Shutdown,
}

impl Pump {
    async fn run(mut self) -> Result<(), BoxError> {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await?;
            let message = tokio::select! {
                message = self.messages.next() => message,
                () = self.shutdown.requested() => return Ok(()),
            };
            let brought = Brought::by(&message, self.source);
            let others = tokio::select! {
                others = self.permits_for_more(brought.len()) => others?,
                never = still_here(&message) => match never {},
                () = self.shutdown.requested() => return Ok(()),
            };
            let handler = Arc::clone(&self.handler);
            self.shutdown.spawn("events", async move {
                handler.handle(message, brought).await;
                drop((permit, others));
            });
        }
    }

    /// A permit for each event of a message but the first, or as many as there may ever be: each of the
    /// two pumps keeps one.
    async fn permits_for_more(&self, events: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
        let most = self.in_flight.saturating_sub(2);
        let more = events.saturating_sub(1).min(most);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        Arc::clone(&self.permits).acquire_many_owned(more).await
    }
}
