//! Parking a job on disk: to the end of its endpoint's `next` lane, then out of JOBS.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::trace_context;
use posthorn_chassis::metric;
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument;

use crate::partition::{Happened, Shared, Taken, job_span};

/// Pause before a job that could not be parked comes again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Parks one job and reports it.
///
/// *Guarantee*: the job is acked in JOBS only once it is stored in WAITING.
pub(crate) async fn park(
    shared: Arc<Shared>,
    taken: Box<Taken>,
    report: UnboundedSender<Happened>,
) {
    let Taken { message, job, .. } = *taken;
    let endpoint = job.meta.endpoint.clone();
    let dedup_id = job.meta.dedup_id();
    let span = job_span(&job, "park jobs", "waiting");
    trace_context::adopt(&span, message.headers());
    let lane = WaitingSubject {
        lane: Lane::Next,
        endpoint: endpoint.clone(),
    };
    let parked = shared
        .bus
        .publish_waiting(&lane, &job)
        .instrument(span)
        .await;
    let stored = match parked {
        Ok(stored) => {
            metric::Counter::SenderParkedJobs.add(1, &[]);
            message.ack().await;
            !stored.duplicate
        }
        Err(error) => {
            tracing::warn!(error = %error, "job not parked, it stays in jobs");
            message.give_back(RETRY_PAUSE).await;
            false
        }
    };
    // The owner waits for this report, so it is there to take it.
    report
        .send(Happened::Parked {
            endpoint,
            dedup_id,
            stored,
        })
        .ok();
}
