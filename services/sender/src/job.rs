//! One job from JOBS: attempt it, then ack it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::topology::ACK_WAIT;
use posthorn_bus::{Message, trace_context};
use posthorn_event_schema::DeliveryJob;
use tokio::sync::mpsc::UnboundedSender;
use tracing::{Instrument, Span};

use crate::attempt::{Kept, OUR_FAILURE_PAUSE};
use crate::lease::Term;
use crate::partition::Shared;
use crate::places::Kind;
use crate::report::{Happened, Report, Taken};

/// How often the server is told that we still have a job.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 3);

/// Attempts a job from JOBS once there is a place in flight, and acks it.
///
/// *Guarantee*: it is acked only after what follows from its attempt is stored.
pub(crate) async fn run(
    shared: Arc<Shared>,
    term: Term,
    taken: Box<Taken>,
    reports: UnboundedSender<Happened>,
) {
    let Taken {
        share,
        trace,
        job,
        hand,
        room,
    } = *taken;
    let ended_with = |ended| Happened::JobEnded {
        endpoint: job.meta.endpoint.clone(),
        dedup_id: job.meta.dedup_id(),
        ended,
    };
    let report = Report::new(reports, ended_with(Err(Kept)));
    let span = job_span(&job, "process jobs", "jobs");
    trace_context::adopt_part(&span, &trace);
    let work = pin!(
        async {
            let _place = shared.places.take(Kind::Fresh).await;
            drop((hand, room));
            shared.attempts.run(&job, &term).await
        }
        .instrument(span)
    );
    let ended = keep_alive_during(share.message(), work).await;
    let rest = match ended {
        Ok(_) => share.ack().await,
        // Its new owner may have been handed it meanwhile; giving it back would take it away.
        Err(Kept) if !term.is_valid() => None,
        Err(Kept) => share.give_back(&job, OUR_FAILURE_PAUSE).await,
    };
    report.tell(ended_with(ended));
    if let Some(rest) = rest {
        rest.store(&shared.bus).await;
    }
}

/// Runs `work` while telling the server now and then that we still have the message.
///
/// It is pinned by the caller, because this future would have room for it twice.
pub(crate) async fn keep_alive_during<T>(
    message: &Message,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> T {
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(KEEP_ALIVE) => message.in_progress().await,
        }
    }
}

/// The span of working on a delivery.
pub(crate) fn job_span(job: &DeliveryJob, name: &'static str, destination: &'static str) -> Span {
    tracing::info_span!(
        "process",
        otel.name = name,
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.destination.name = destination,
        posthorn.app.id = %job.meta.application,
        posthorn.event.id = %job.meta.event,
        posthorn.event.type = %job.meta.event_type,
        posthorn.delivery.id = %job.meta.delivery,
        posthorn.endpoint.id = %job.meta.endpoint,
        posthorn.attempt.number = job.meta.attempt.get(),
        posthorn.attempt.outcome = tracing::field::Empty,
    )
}
