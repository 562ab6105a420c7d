//! Parking a job on disk: to the end of a lane of its endpoint, then out of JOBS.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::trace_context;
use posthorn_chassis::metric;
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument;

use crate::job::job_span;
use crate::partition::Shared;
use crate::report::{Happened, Report, Taken};

/// Pause before a job that could not be parked comes again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Parks one job and reports it.
///
/// *Guarantee*: the job is acked in JOBS only once it is stored in WAITING.
pub(crate) async fn park(
    shared: Arc<Shared>,
    taken: Box<Taken>,
    lane: Lane,
    reports: UnboundedSender<Happened>,
) {
    let Taken {
        share,
        trace,
        job,
        hand,
        room,
    } = *taken;
    let endpoint = job.meta.endpoint.clone();
    let parked = |stored| Happened::Parked {
        endpoint: endpoint.clone(),
        lane,
        dedup_id: job.meta.dedup_id(),
        stored,
    };
    let report = Report::new(reports, parked(false));
    let span = job_span(&job, "park jobs", "waiting");
    trace_context::adopt_part(&span, &trace);
    let subject = WaitingSubject {
        lane,
        endpoint: endpoint.clone(),
    };
    let published = shared
        .bus
        .publish_waiting(&subject, &job)
        .instrument(span)
        .await;
    let (stored, rest) = match published {
        Ok(stored) => {
            metric::Counter::SenderParkedJobs.add(1, &[]);
            (!stored.duplicate, share.ack().await)
        }
        Err(error) => {
            tracing::warn!(error = %error, "job not parked, it stays in jobs");
            (false, share.give_back(&job, RETRY_PAUSE).await)
        }
    };
    drop((hand, room));
    report.tell(parked(stored));
    if let Some(rest) = rest {
        rest.store(&shared.bus).await;
    }
}
