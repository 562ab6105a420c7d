//! One visit to the waiting room: read a lane's head, attempt it if it is due, delete it.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::trace_context;
use posthorn_bus::waiting::Waiting;
use posthorn_event_schema::DeliveryJob;
use posthorn_event_schema::subject::WaitingSubject;
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument;

use crate::attempt::{Ended, Kept};
use crate::lanes::Head;
use crate::partition::{Happened, Shared, job_span, now};
use crate::store::until_done;
use crate::unreadable;

/// Pause before a lane is read again when NATS did not answer.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Reads the head of a lane once there is a place in flight, and attempts it if it is due.
///
/// *Guarantee*: the delivery is deleted only after what follows from its attempt is stored.
pub(crate) async fn visit(
    shared: Arc<Shared>,
    lane: WaitingSubject,
    from: u64,
    report: UnboundedSender<Happened>,
) {
    let _place = shared.waiting.acquire().await;
    let WaitingSubject {
        lane: name,
        endpoint,
    } = lane.clone();
    let tell = |head| {
        // The owner waits for this report, so it is there to take it.
        report
            .send(Happened::HeadRead {
                endpoint: endpoint.clone(),
                lane: name,
                head,
            })
            .ok();
    };
    let waiting = match shared.bus.waiting_next(&lane, from).await {
        Ok(Some(waiting)) => waiting,
        Ok(None) => return tell(Head::Empty),
        Err(error) => {
            tracing::debug!(error = %error, "waiting room not read");
            return tell(Head::Unknown {
                again: now().plus(RETRY_PAUSE),
            });
        }
    };
    let sequence = waiting.sequence;
    let job = DeliveryJob::decode(&waiting.payload);
    if let Ok(job) = &job
        && job.meta.not_before > now()
    {
        return tell(Head::NotYet {
            sequence,
            due: job.meta.not_before,
        });
    }
    tell(Head::Due { sequence });
    let ended = match job {
        Ok(job) => attempt(&shared, &waiting, &job).await,
        Err(error) => {
            let subject = lane.to_string();
            let aside =
                unreadable::set_aside(&shared.bus, &subject, &waiting.payload, &error).await;
            if aside {
                Ok(Ended::default())
            } else {
                Err(Kept)
            }
        }
    };
    let ended = match ended {
        Ok(ended) => {
            until_done(|| shared.bus.waiting_delete(sequence)).await;
            ended
        }
        // It stays in the waiting room; the next owner of the partition finds it there.
        Err(Kept) => Ended::default(),
    };
    report
        .send(Happened::VisitEnded {
            endpoint,
            lane: name,
            ended,
        })
        .ok();
}

async fn attempt(shared: &Shared, waiting: &Waiting, job: &DeliveryJob) -> Result<Ended, Kept> {
    let span = job_span(job, "process retries", "waiting");
    trace_context::adopt(&span, Some(&waiting.headers));
    shared.attempts.run(job).instrument(span).await
}
