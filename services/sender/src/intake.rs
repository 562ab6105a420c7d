//! Takes a partition's jobs from JOBS, never more than there are places for.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::{BusError, JobPartition, Message};
use posthorn_event_schema::batch::Part;
use posthorn_event_schema::{DeliveryJob, Partition, TraceHeaders};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::job::keep_alive_during;
use crate::lease::Tenure;
use crate::partition::Shared;
use crate::report::{Came, Happened};
use crate::unreadable;

/// How long one pull stands. Short, so that pulls lost in a restart of NATS are soon repeated.
const PULL_EXPIRES: Duration = Duration::from_secs(5);
/// Pause after a pull that could not be made.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of one pull; above the largest message that NATS carries by default, so that any fits.
const PULL_BYTES: usize = 4 * 1024 * 1024;

/// Starts taking jobs until the tenure ends; the task ends once nothing more will be reported.
///
/// If it panics, the tenure ends, too: an owner without an intake would hold its partition idle.
pub(crate) fn start(
    partition: Partition,
    shared: &Arc<Shared>,
    tenure: &Tenure,
    report: &UnboundedSender<Happened>,
) -> JoinHandle<()> {
    let intake = Intake {
        partition,
        shared: Arc::clone(shared),
        tenure: tenure.clone(),
        report: report.clone(),
        hands: Arc::new(Semaphore::new(shared.pull_window)),
    };
    let at_end = tenure.end_at_drop();
    shared.shutdown.spawn("intake", async move {
        let _at_end = at_end;
        intake.run().await;
    })
}

struct Intake {
    partition: Partition,
    shared: Arc<Shared>,
    tenure: Tenure,
    report: UnboundedSender<Happened>,
    /// Messages taken that the partition has not decided on.
    hands: Arc<Semaphore>,
}

impl Intake {
    async fn run(self) {
        let mut jobs = None;
        while !self.tenure.is_over() {
            let pulled = tokio::select! {
                pulled = self.pull(&mut jobs) => pulled,
                () = self.tenure.over() => return,
            };
            if let Err(error) = pulled {
                tracing::debug!(partition = %self.partition, error = %error, "pull failed");
                jobs = None;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Makes one pull for as many messages as there are hands free, and reports what comes.
    async fn pull(&self, jobs: &mut Option<JobPartition>) -> Result<(), BusError> {
        let jobs = match jobs {
            Some(jobs) => jobs,
            None => jobs.insert(self.shared.bus.partition(self.partition).await?),
        };
        self.shared.memory.free(PULL_BYTES).await;
        let mut hands = self.free_hands().await;
        let mut pulled = jobs.pull(hands.len(), PULL_BYTES, PULL_EXPIRES).await?;
        while let Some(message) = pulled.next().await? {
            self.take(message, hands.pop()).await;
        }
        Ok(())
    }

    /// Waits for one free hand, and takes all others that are free at that moment.
    async fn free_hands(&self) -> Vec<OwnedSemaphorePermit> {
        let mut hands = Vec::new();
        hands.extend(Arc::clone(&self.hands).acquire_owned().await.ok());
        while let Ok(hand) = Arc::clone(&self.hands).try_acquire_owned() {
            hands.push(hand);
        }
        hands
    }

    async fn take(&self, message: Message, hand: Option<OwnedSemaphorePermit>) {
        let Some(jobs) = self.read(&message).await else {
            return;
        };
        if jobs.is_empty() {
            return message.ack().await;
        }
        let bytes = pin!(self.shared.memory.bytes_to_take(message.payload().len()));
        let bytes = keep_alive_during(&message, bytes).await;
        let came = Came {
            message,
            jobs,
            hand,
            bytes,
        };
        // The owner outlives its intake.
        self.report.send(Happened::Came(Box::new(came))).ok();
    }

    /// The jobs of a message. What cannot be read is set aside; `None` when that could not be stored, and
    /// the message is to come again.
    async fn read(&self, message: &Message) -> Option<Vec<(TraceHeaders, DeliveryJob)>> {
        let (bus, subject) = (&self.shared.bus, message.subject());
        let parts = match message.parts() {
            Ok(parts) => parts,
            Err(error) => {
                let payload = message.payload();
                let stored = unreadable::set_aside(bus, subject, payload, &error).await;
                return stored.then(Vec::new);
            }
        };
        let mut jobs = Vec::with_capacity(parts.len());
        for Part { trace, frame } in parts {
            match DeliveryJob::decode(&frame) {
                Ok(job) => jobs.push((trace, job)),
                Err(error) => {
                    if !unreadable::set_aside(bus, subject, &frame, &error).await {
                        return None;
                    }
                }
            }
        }
        Some(jobs)
    }
}
