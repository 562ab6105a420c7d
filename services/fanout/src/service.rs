//! fanout as a process: takes events with a permit each, until told to stop.

use std::sync::Arc;

use posthorn_bus::topology::Reader;
use posthorn_bus::{Bus, Messages};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{BoxError, Context, Service};
use tokio::sync::Semaphore;

use crate::FanoutConfig;
use crate::handle::Handler;

/// Events taken from the stream ahead of the permits. Few, because nobody tells the server that these
/// are still here: those that wait longer than the ack wait are handed out a second time. Not fewer,
/// because a pull brings no more than these: with 16, a machine short of processor time fanned out
/// half as many events as with 128.
const PREFETCH: usize = 64;

/// fanout, built and not yet running.
pub struct Fanout {
    handler: Handler,
    messages: Messages,
    in_flight: usize,
}

impl Fanout {
    /// Reads the configuration snapshot and subscribes to EVENTS.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn build(
        config: &FanoutConfig,
        bus: Bus,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let snapshot = bus.snapshot(&context.shutdown).await?;
        let messages = bus.messages(Reader::Fanout, PREFETCH).await?;
        let handler = Handler {
            bus,
            snapshot,
            window: config.delivery_window,
            shutdown: context.shutdown.clone(),
        };
        Ok(Self {
            handler,
            messages,
            in_flight: config.in_flight,
        })
    }
}

impl Service for Fanout {
    async fn run(mut self, shutdown: Shutdown) -> Result<(), BoxError> {
        let permits = Arc::new(Semaphore::new(self.in_flight));
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await?;
            let message = tokio::select! {
                message = self.messages.next() => message,
                () = shutdown.requested() => return Ok(()),
            };
            let handler = self.handler.clone();
            shutdown.spawn("event", async move {
                handler.handle(message).await;
                drop(permit);
            });
        }
    }
}
