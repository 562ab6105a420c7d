//! One visit to the waiting room: read a lane's head, attempt it if it is due, delete it.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::trace_context;
use posthorn_bus::waiting::Waiting;
use posthorn_event_schema::subject::WaitingSubject;
use posthorn_event_schema::{DeliveryJob, FrameError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument;

use crate::attempt::{Ended, Kept};
use crate::job::job_span;
use crate::lanes::Head;
use crate::lease::{Tenure, Term};
use crate::partition::{Shared, now};
use crate::places::Kind;
use crate::report::{Happened, Report};
use crate::store::until_done;
use crate::unreadable;

/// Pause before a lane is read again when NATS did not answer, or memory is full.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Reads the head of a lane once there is a place in flight, and attempts it if it is due; what has
/// no place yet when the tenure ends is left as it is.
///
/// *Guarantee*: the delivery is deleted only after what follows from its attempt is stored.
pub(crate) async fn visit(
    shared: Arc<Shared>,
    lane: WaitingSubject,
    from: u64,
    room: Option<OwnedSemaphorePermit>,
    tenure: Tenure,
    reports: UnboundedSender<Happened>,
) {
    let _room = room;
    let read = |head| Happened::HeadRead {
        endpoint: lane.endpoint.clone(),
        lane: lane.lane,
        head,
    };
    let unknown = || {
        read(Head::Unknown {
            again: now().plus(RETRY_PAUSE),
        })
    };
    let mut report = Report::new(reports, unknown());
    let kind = Kind::of(lane.lane);
    let turn = async {
        let place = shared.places.take(kind).await;
        shared.pace.turn(kind).await;
        place
    };
    // Nothing was taken yet, and a partition that is handed over must not wait for turns.
    let _place = tokio::select! {
        place = turn => place,
        () = tenure.over() => return,
    };
    let waiting = match shared.bus.waiting_next(&lane, from).await {
        Ok(Some(waiting)) => waiting,
        Ok(None) => return report.tell(read(Head::Empty)),
        Err(error) => {
            tracing::debug!(error = %error, "waiting room not read");
            return report.tell(unknown());
        }
    };
    let Some(_bytes) = shared.memory.bytes_to_visit(waiting.payload.len()) else {
        return report.tell(unknown());
    };
    let sequence = waiting.sequence;
    let job = DeliveryJob::decode(&waiting.payload);
    let released_at = shared.attempts.snapshot.released_at(&lane.endpoint);
    if let Ok(job) = &job
        && job.meta.not_before > now()
        && released_at.is_none_or(|at| waiting.stored_at > at)
    {
        let due = job.meta.not_before;
        return report.tell(read(Head::NotYet { sequence, due }));
    }
    let ended_with = |ended| Happened::VisitEnded {
        endpoint: lane.endpoint.clone(),
        lane: lane.lane,
        sequence,
        ended,
    };
    let due = job.as_ref().map_or(now(), |job| job.meta.not_before);
    report.tell_first(read(Head::Due { sequence, due }), ended_with(Err(Kept)));
    let ended = match job {
        Ok(job) => attempt(&shared, tenure.term(), &waiting, &job).await,
        Err(error) => set_aside(&shared, &lane, &waiting, &error).await,
    };
    // What is kept stays in the waiting room, and is read again.
    if ended.is_ok() {
        until_done(|| shared.bus.waiting_delete(sequence)).await;
    }
    report.tell(ended_with(ended));
}

async fn attempt(
    shared: &Shared,
    term: &Term,
    waiting: &Waiting,
    job: &DeliveryJob,
) -> Result<Ended, Kept> {
    let span = job_span(job, "process retries", "waiting");
    trace_context::adopt(&span, Some(&waiting.headers));
    shared.attempts.run(job, term).instrument(span).await
}

async fn set_aside(
    shared: &Shared,
    lane: &WaitingSubject,
    waiting: &Waiting,
    error: &FrameError,
) -> Result<Ended, Kept> {
    let subject = lane.to_string();
    let aside = unreadable::set_aside(&shared.bus, &subject, &waiting.payload, error).await;
    if aside {
        Ok(Ended::default())
    } else {
        Err(Kept)
    }
}
