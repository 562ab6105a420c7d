//! One message of EVENTS with one or several events, from its arrival to its ack.
//!
//! Events whose decisions were made stay in hand until every job and every part of the verdicts is
//! stored: what is stored already is not published again, so that an outage longer than the duplicate
//! window makes no second job; shown by `while_no_verdict_can_be_stored_no_job_is_published_again`.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{join, join_all};
use posthorn_bus::snapshot::Snapshot;
use posthorn_bus::topology::ACK_WAIT;
use posthorn_bus::{Bus, BusError, Message, PublishError, Refused, trace_context};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{clock, error_chain, metric};
use posthorn_event_schema::batch::Part;
use posthorn_event_schema::{Door, Event, FrameError, Timestamp};
use tracing::{Instrument, Span};

use crate::callback::Callbacks;
use crate::rosters::Rosters;

/// Pause before what could not be stored is tried again, or a message is handed out again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How often the server hears that a message is still worked on.
const STILL_HERE: Duration = Duration::from_secs(5);
const _: () = assert!(STILL_HERE.as_secs() * 2 < ACK_WAIT.as_secs());

/// What handling events needs.
pub struct Handler {
    /// Where jobs and verdicts go.
    pub bus: Bus,
    /// Who the endpoints are.
    pub snapshot: Snapshot,
    /// How long after acceptance a delivery may still be attempted.
    pub window: Duration,
    /// Which events have callbacks.
    pub callbacks: Callbacks,
    /// What need not be told again.
    pub rosters: Rosters,
    /// When to stop repeating what fails.
    pub shutdown: Shutdown,
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// EVENTS: just accepted.
    Events,
    /// SCHEDULED: its time has come, by the clock of the server, which is not asked again: an event
    /// that was put off twice would be taken for a repetition and lost.
    Scheduled,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Scheduled => "scheduled",
        }
    }
}

/// Why a message is given back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfinished {
    /// Nobody knows yet who receives an event.
    #[error("the configuration is not known as far as the event needs it")]
    Behind(#[source] BusError),
    /// Repeating it is pointless, or the process is stopping.
    #[error("not everything that follows from the event is stored")]
    NotStored(#[source] PublishError),
}

/// An event that came.
pub(crate) struct Arrived {
    pub(crate) event: Event,
    /// Its place among the events of its message.
    pub(crate) within: u32,
    /// What its trace shows of us.
    pub(crate) span: Span,
}

/// Something that is no event that this build can read.
struct Unreadable {
    frame: Bytes,
    error: FrameError,
    span: Span,
}

/// What a message brought.
#[derive(Default)]
pub(crate) struct Brought {
    now: Vec<Arrived>,
    later: Vec<Arrived>,
    unreadable: Vec<Unreadable>,
    /// The place in EVENTS, which says nothing of what came out of SCHEDULED.
    place: Option<u64>,
}

impl Handler {
    /// Handles what one message brought and settles it.
    pub(crate) async fn handle(&self, message: Message, brought: Brought) {
        // None of the three holds up another.
        let work = join(
            join(
                self.reject_all(message.subject(), brought.unreadable),
                self.put_off_all(brought.later),
            ),
            self.fan_out(brought.now, brought.place),
        );
        let ((rejected, put_off), fanned_out) = tokio::select! {
            done = work => done,
            never = still_here(&message) => match never {},
        };
        match rejected.and(put_off).and(fanned_out) {
            Ok(()) => message.ack().await,
            Err(error) => {
                let error = error_chain::chain(&error);
                tracing::warn!(error, "events not fanned out, they stay in the stream");
                message.give_back(RETRY_PAUSE).await;
            }
        }
    }

    /// Has events come again when their producers want them delivered; who receives them is decided
    /// then.
    async fn put_off_all(&self, later: Vec<Arrived>) -> Result<(), Unfinished> {
        let all = later.iter().map(|arrived| {
            let putting_off = self.put_off(&arrived.event);
            putting_off.instrument(arrived.span.clone())
        });
        join_all(all).await.into_iter().collect()
    }

    async fn put_off(&self, event: &Event) -> Result<(), Unfinished> {
        let at = event.meta.starts_at();
        while let Err(cause) = self.bus.publish_scheduled(event, at).await {
            tracing::warn!(error = %cause, "event not put off yet");
            self.pause(cause).await?;
        }
        metric::Counter::FanoutPutOff.add(1, &[]);
        Ok(())
    }

    /// What this build cannot read is kept aside with the reason.
    async fn reject_all(&self, subject: &str, all: Vec<Unreadable>) -> Result<(), Unfinished> {
        let all = all.iter().map(|one| {
            let rejecting = self.reject(subject, one);
            rejecting.instrument(one.span.clone())
        });
        join_all(all).await.into_iter().collect()
    }

    async fn reject(&self, subject: &str, unreadable: &Unreadable) -> Result<(), Unfinished> {
        let refused = || Refused {
            door: Door::Fanout,
            subject,
            code: "unreadable_event",
            detail: error_chain::chain(&unreadable.error),
            trace_id: None,
            input: unreadable.frame.clone(),
        };
        while let Err(cause) = self.bus.reject(refused()).await {
            tracing::warn!(error = %cause, "rejection not stored yet");
            self.pause(cause).await?;
        }
        Ok(())
    }

    /// Waits before the next try; an error when there is none.
    pub(crate) async fn pause(&self, cause: PublishError) -> Result<(), Unfinished> {
        if !cause.is_transient() {
            return Err(Unfinished::NotStored(cause));
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY_PAUSE) => Ok(()),
            () = self.shutdown.requested() => Err(Unfinished::NotStored(cause)),
        }
    }
}

impl Brought {
    /// Reads a message.
    pub(crate) fn by(message: &Message, source: Source) -> Self {
        let mut brought = Self {
            place: (source == Source::Events).then(|| message.stream_sequence()),
            ..Self::default()
        };
        let parts = match message.parts() {
            Ok(parts) => parts,
            Err(error) => {
                let span = process_span(source, None);
                trace_context::adopt(&span, message.headers());
                let frame = message.payload().clone();
                brought.unreadable.push(Unreadable { frame, error, span });
                return brought;
            }
        };
        for (within, Part { trace, frame }) in (0..).zip(parts) {
            let decoded = Event::decode(&frame);
            let span = process_span(source, decoded.as_ref().ok());
            trace_context::adopt_part(&span, &trace);
            match decoded {
                Err(error) => brought.unreadable.push(Unreadable { frame, error, span }),
                Ok(event) => {
                    let waits = source == Source::Events && event.meta.starts_at() > now();
                    let arrived = Arrived {
                        event,
                        within,
                        span,
                    };
                    let when = if waits {
                        &mut brought.later
                    } else {
                        &mut brought.now
                    };
                    when.push(arrived);
                }
            }
        }
        brought
    }

    /// How many events there are to work on.
    pub(crate) fn len(&self) -> usize {
        self.now.len() + self.later.len()
    }
}

/// The span of working on an event, if it is one.
fn process_span(source: Source, event: Option<&Event>) -> Span {
    let meta = event.map(|event| &event.meta);
    tracing::info_span!(
        "process",
        otel.name = "process events",
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.destination.name = source.name(),
        posthorn.app.id = meta.map(|meta| meta.application.as_str()),
        posthorn.event.id = meta.map(|meta| meta.id.as_str()),
        posthorn.event.type = meta.map(|meta| meta.event_type.as_str()),
        posthorn.fanout.matched = tracing::field::Empty,
    )
}

/// Tells the server at a steady rhythm that a message is still worked on.
pub(crate) async fn still_here(message: &Message) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(STILL_HERE).await;
        message.in_progress().await;
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}
