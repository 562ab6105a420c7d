//! What the tasks of a partition report to its owner.
//!
//! The owner counts on one report for everything it starts: a slot, a place and a message id are
//! taken until it comes. So a report is made when its task begins, and sent when it is dropped,
//! which happens in a panic, too.

use std::sync::Arc;

use posthorn_bus::{LastAck, Message};
use posthorn_event_schema::slots::SlotsGiven;
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{ApplicationId, DeliveryJob, EndpointId, TraceHeaders};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;

use crate::attempt::{Ended, Kept};
use crate::lanes::Head;
use crate::ordered::{Line, Moved};
use crate::share::Share;

/// A message of JOBS, with jobs of one endpoint.
pub(crate) struct Came {
    pub(crate) message: Message,
    /// One at the least, each with its trace.
    pub(crate) jobs: Vec<(TraceHeaders, DeliveryJob)>,
    /// Its place among the messages that the partition has not decided on.
    pub(crate) hand: Option<OwnedSemaphorePermit>,
    /// Its share of the memory.
    pub(crate) bytes: OwnedSemaphorePermit,
}

/// A job taken from JOBS, not yet acked.
pub(crate) struct Taken {
    pub(crate) share: Share,
    pub(crate) trace: TraceHeaders,
    pub(crate) job: DeliveryJob,
    /// The place of its message among those that the partition has not decided on.
    pub(crate) hand: Option<Arc<OwnedSemaphorePermit>>,
    /// Its place among the jobs that wait in memory.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Came {
    /// Its jobs one by one.
    pub(crate) fn divide(self, last_ack: &LastAck) -> impl Iterator<Item = Box<Taken>> + use<> {
        let hand = self.hand.map(Arc::new);
        let shares = Share::all(self.message, self.jobs.len(), self.bytes, last_ack);
        let jobs = shares.into_iter().zip(self.jobs);
        jobs.map(move |(share, (trace, job))| {
            Box::new(Taken {
                share,
                trace,
                job,
                hand: hand.clone(),
                room: None,
            })
        })
    }
}

/// What is reported to the owner.
pub(crate) enum Happened {
    /// A message came.
    Came(Box<Came>),
    /// Parking a job ended; `stored` tells whether its lane has one delivery more.
    Parked {
        endpoint: EndpointId,
        lane: Lane,
        dedup_id: String,
        stored: bool,
    },
    /// The waiting room was listed.
    Listed(Vec<(WaitingSubject, u64)>),
    /// The owner of an application's partition gave moments for its deliveries, or no answer.
    Slots {
        application: ApplicationId,
        given: Option<SlotsGiven>,
    },
    /// Jobs that keep an order were moved to their lane.
    Moved { line: Line, moved: Moved },
    /// A lane's head was read.
    HeadRead {
        endpoint: EndpointId,
        lane: Lane,
        head: Head,
    },
    /// A job from JOBS ended.
    JobEnded {
        endpoint: EndpointId,
        dedup_id: String,
        ended: Result<Ended, Kept>,
    },
    /// A delivery from the waiting room ended.
    VisitEnded {
        endpoint: EndpointId,
        lane: Lane,
        sequence: u64,
        ended: Result<Ended, Kept>,
    },
}

/// The one report of a task, sent when it is dropped.
///
/// *Guarantee*: it is sent whatever becomes of the task. Shown by
/// `a_task_that_panics_reports_all_the_same`.
pub(crate) struct Report {
    to: UnboundedSender<Happened>,
    content: Option<Happened>,
}

impl Report {
    /// A report to the owner; `otherwise` is what it says unless the task comes to say something.
    pub(crate) fn new(to: UnboundedSender<Happened>, otherwise: Happened) -> Self {
        let content = Some(otherwise);
        Self { to, content }
    }

    /// Sends `happened` instead.
    pub(crate) fn tell(mut self, happened: Happened) {
        self.content = Some(happened);
    }

    /// Sends `happened` now; the task owes another report, which says `otherwise` for the time being.
    pub(crate) fn tell_first(&mut self, happened: Happened, otherwise: Happened) {
        self.content = Some(otherwise);
        self.send(happened);
    }

    fn send(&self, happened: Happened) {
        // The owner waits for all reports, so it is there to take it.
        self.to.send(happened).ok();
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(happened) = self.content.take() {
            self.send(happened);
        }
    }
}

#[cfg(test)]
mod tests {
    use posthorn_chassis::shutdown::Shutdown;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_reports_all_the_same() {
        let (to, mut reports) = unbounded_channel();
        let report = Report::new(
            to,
            Happened::JobEnded {
                endpoint: EndpointId::parse("ep_a").unwrap(),
                dedup_id: "d#1".to_owned(),
                ended: Err(Kept),
            },
        );
        let task = Shutdown::new().spawn("attempt", async move {
            let _owed = report;
            panic!("as the test wants it");
        });
        assert!(task.await.unwrap_err().is_panic());
        let told = reports.recv().await.unwrap();
        assert!(matches!(
            told,
            Happened::JobEnded {
                ended: Err(Kept),
                ..
            }
        ));
        assert!(reports.recv().await.is_none(), "told twice");
    }

    #[tokio::test]
    async fn what_the_task_says_is_reported_once() {
        let (to, mut reports) = unbounded_channel();
        let mut report = Report::new(to, Happened::Listed(Vec::new()));
        report.tell_first(Happened::Listed(Vec::new()), Happened::Listed(Vec::new()));
        assert!(reports.recv().await.is_some());
        report.tell(Happened::Parked {
            endpoint: EndpointId::parse("ep_a").unwrap(),
            lane: Lane::Next,
            dedup_id: "d#1".to_owned(),
            stored: true,
        });
        let told = reports.recv().await.unwrap();
        assert!(matches!(told, Happened::Parked { stored: true, .. }));
        assert!(reports.recv().await.is_none());
    }
}
