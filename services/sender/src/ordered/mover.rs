//! Moving the jobs of a line, in order, from JOBS to the end of its lane.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthorn_bus::ordered::StoredJob;
use posthorn_bus::{BusError, PublishError, trace_context};
use posthorn_chassis::{error_chain, metric};
use posthorn_event_schema::batch::Part;
use posthorn_event_schema::subject::WaitingSubject;
use posthorn_event_schema::{DeliveryJob, FrameError, JobMeta, Timestamp, TraceHeaders};
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument;

use super::Line;
use super::plan::{Place, plan};
use crate::job::job_span;
use crate::lease::Tenure;
use crate::partition::Shared;
use crate::report::{Happened, Report};
use crate::unreadable;

/// What became of a line's jobs.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// Where those that were moved stood in JOBS.
    pub(crate) places: HashSet<u64>,
    /// How many deliveries the lane has more.
    pub(crate) stored: u64,
    /// Where those stand whose turn has not come.
    pub(crate) left: HashSet<u64>,
    /// Whatever could be moved was, and nothing else was in JOBS when that began.
    pub(crate) complete: bool,
}

#[derive(Debug, thiserror::Error)]
enum MoveError {
    #[error("jobs could not be read")]
    Read(#[from] BusError),
    #[error("a job could not be stored in the waiting room")]
    Store(#[from] PublishError),
}

/// Moves what may be moved after a pause, and reports it.
///
/// *Guarantee*: a job is deleted from JOBS only once it is stored in WAITING, and nothing is stored
/// there before it that belongs behind it.
pub(crate) async fn move_jobs(
    shared: Arc<Shared>,
    line: Line,
    pause: Duration,
    tenure: Tenure,
    reports: UnboundedSender<Happened>,
) {
    let told = |moved| Happened::Moved {
        line: line.clone(),
        moved,
    };
    let report = Report::new(reports, told(Moved::default()));
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = tenure.over() => return,
    }
    let mut moved = Moved::default();
    match run(&shared, &line, &tenure, &mut moved).await {
        Ok(complete) => moved.complete = complete,
        Err(error) => {
            let reason = error_chain::chain(&error);
            tracing::warn!(reason, "jobs in order not moved yet");
        }
    }
    report.tell(told(moved));
}

async fn run(
    shared: &Shared,
    line: &Line,
    tenure: &Tenure,
    moved: &mut Moved,
) -> Result<bool, MoveError> {
    // In this order: what is fanned out up to here is in JOBS when that is read.
    let fanned_out = shared.bus.fanned_out().await?;
    let found = list(shared, line, fanned_out.since).await?;
    let (sequences, left) = plan(&found, fanned_out.to);
    moved.left = left.into_iter().collect();
    for sequence in sequences {
        if tenure.is_over() {
            return Ok(false);
        }
        if let Some(stored) = shared.bus.job_at(line.partition(), sequence).await? {
            move_one(shared, line, &stored, moved).await?;
        }
    }
    Ok(true)
}

/// Everything that JOBS holds of the line, without the bodies. Places of events that were
/// accepted before `since` mean nothing.
async fn list(shared: &Shared, line: &Line, since: Timestamp) -> Result<Vec<Place>, BusError> {
    let partition = line.partition();
    let mut found = Vec::new();
    for subject in line.subjects() {
        let mut from = 0;
        while let Some(stored) = shared.bus.next_job(partition, &subject, from).await? {
            from = stored.sequence + 1;
            // The first stands for all: jobs of a line share no message with those of another message of EVENTS
            // (`NewJob::apart`), once fan-out has heard that the endpoint wants an order. What cannot be read
            // at all is set aside by whoever it is handed to.
            if let Some((_, job)) = Jobs::of(&stored).readable.first() {
                let JobMeta {
                    order,
                    order_within,
                    accepted_at,
                    ..
                } = job.meta;
                let order = order.filter(|_| accepted_at >= since);
                found.push(Place {
                    sequence: stored.sequence,
                    order: order.map(|event| (event, order_within)),
                });
            }
        }
    }
    Ok(found)
}

async fn move_one(
    shared: &Shared,
    line: &Line,
    stored: &StoredJob,
    moved: &mut Moved,
) -> Result<(), MoveError> {
    let Jobs {
        readable,
        unreadable,
    } = Jobs::of(stored);
    for (frame, error) in &unreadable {
        if !unreadable::set_aside(&shared.bus, &stored.subject, frame, error).await {
            moved.left.insert(stored.sequence);
            return Ok(());
        }
    }
    for (trace, job) in &readable {
        let span = job_span(job, "park jobs", "waiting");
        trace_context::adopt_part(&span, trace);
        let lane = WaitingSubject {
            lane: line.lane(),
            endpoint: line.endpoint.clone(),
        };
        let published = shared.bus.publish_waiting(&lane, job).instrument(span);
        if !published.await?.duplicate {
            moved.stored += 1;
            metric::Counter::SenderParkedJobs.add(1, &[]);
        }
    }
    let partition = line.partition();
    shared.bus.delete_job(partition, stored.sequence).await?;
    moved.places.insert(stored.sequence);
    Ok(())
}

/// What a message of JOBS carries.
#[derive(Default)]
struct Jobs {
    /// In the order of their events, each with its trace.
    readable: Vec<(TraceHeaders, DeliveryJob)>,
    unreadable: Vec<(Bytes, FrameError)>,
}

impl Jobs {
    fn of(stored: &StoredJob) -> Self {
        let mut jobs = Self::default();
        for Part { trace, frame } in stored.parts().unwrap_or_default() {
            match DeliveryJob::decode(&frame) {
                Ok(job) => jobs.readable.push((trace, job)),
                Err(error) => jobs.unreadable.push((frame, error)),
            }
        }
        jobs
    }
}
