//! One event, from EVENTS to its ack.
//!
//! An event whose decision was made stays in hand until every job and every part of the verdict is
//! stored: what is stored already is not published again, so that an outage longer than the duplicate
//! window makes no second job; shown by `while_no_verdict_can_be_stored_no_job_is_published_again`.

use std::time::{Duration, Instant};

use posthorn_bus::snapshot::Snapshot;
use posthorn_bus::topology::ACK_WAIT;
use posthorn_bus::{Bus, BusError, Message, PublishError, Refused, trace_context};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{clock, error_chain, metric};
use posthorn_event_schema::{
    ApplicationId, DeliveryJob, Door, EndpointVerdict, Event, FanoutVerdict, FrameError,
    OrderingKey, Outcome, Timestamp, Verdict,
};
use tracing::{Instrument, Span};

use crate::callback::Callbacks;
use crate::rosters::Rosters;
use crate::{enqueue, matching};

/// Pause before what could not be stored is tried again, or an event is handed out again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long an event waits for the snapshot to catch up before it is given back.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the server hears that an event is still worked on.
const STILL_HERE: Duration = Duration::from_secs(5);
const _: () = assert!(STILL_HERE.as_secs() * 2 < ACK_WAIT.as_secs());

/// What handling an event needs.
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

/// Why an event is given back.
#[derive(Debug, thiserror::Error)]
enum Unfinished {
    /// Nobody knows yet who receives it.
    #[error("the configuration is not known as far as the event needs it")]
    Behind(#[source] BusError),
    /// Repeating it is pointless, or the process is stopping.
    #[error("not everything that follows from the event is stored")]
    NotStored(#[source] PublishError),
}

impl Handler {
    /// Handles one message of EVENTS and settles it.
    pub async fn handle(&self, message: Message, source: Source) {
        let span = tracing::info_span!(
            "process",
            otel.name = "process events",
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.destination.name = source.name(),
            posthorn.app.id = tracing::field::Empty,
            posthorn.event.id = tracing::field::Empty,
            posthorn.event.type = tracing::field::Empty,
            posthorn.fanout.matched = tracing::field::Empty,
        );
        trace_context::adopt(&span, message.headers());
        let done = tokio::select! {
            done = self.fan_out(&message, source).instrument(span) => done,
            never = still_here(&message) => match never {},
        };
        match done {
            Ok(()) => message.ack().await,
            Err(error) => {
                let error = posthorn_chassis::error_chain::chain(&error);
                tracing::warn!(error, "event not fanned out, it stays in the stream");
                message.give_back(RETRY_PAUSE).await;
            }
        }
    }

    async fn fan_out(&self, message: &Message, source: Source) -> Result<(), Unfinished> {
        let mut event = match Event::decode(message.payload()) {
            Ok(event) => event,
            Err(error) => {
                let rejected = self.reject(message, &error).await;
                return rejected.map_err(Unfinished::NotStored);
            }
        };
        if source == Source::Events && event.meta.starts_at() > now() {
            return self.put_off(&event).await;
        }
        self.limit_life(&mut event);
        let verdicts = self.decide(&event).await.map_err(Unfinished::Behind)?;
        let mut jobs = enqueue::jobs(&event, &verdicts, self.window);
        let callback = self.callbacks.job(&event, self.window);
        let called_back = callback.as_ref().map(|callback| EndpointVerdict {
            endpoint: callback.meta.endpoint.clone(),
            verdict: Verdict::Matched,
        });
        jobs.extend(callback);
        if source == Source::Events {
            let place = message.stream_sequence();
            let line = event.meta.ordering_key.as_ref().map(OrderingKey::line);
            for job in &mut jobs {
                job.meta.order = Some(place);
                job.meta.line = line.filter(|_| job.meta.callback.is_none());
            }
        }
        let matched = jobs.len();
        describe(&event, matched);
        self.store_jobs(jobs).await?;
        for decision in enqueue::records(&event, &verdicts, called_back, now()) {
            self.store_decision(decision).await?;
        }
        let matched = u64::try_from(matched).unwrap_or(u64::MAX);
        metric::Counter::FanoutDeliveries.add(matched, &[]);
        Ok(())
    }

    /// An event expires when its producer says so, or its type, whichever is earlier.
    fn limit_life(&self, event: &mut Event) {
        let meta = &event.meta;
        let of_type = self
            .snapshot
            .time_to_live(&meta.organization, &meta.event_type)
            .map(|life| meta.starts_at().plus(life));
        let earliest = meta.expires_at.into_iter().chain(of_type).min();
        event.meta.expires_at = earliest;
    }

    /// Has the event come again when its producer wants it delivered; who receives it is decided
    /// then.
    async fn put_off(&self, event: &Event) -> Result<(), Unfinished> {
        let at = event.meta.starts_at();
        while let Err(cause) = self.bus.publish_scheduled(event, at).await {
            tracing::warn!(error = %cause, "event not put off yet");
            self.pause(cause).await?;
        }
        metric::Counter::FanoutPutOff.add(1, &[]);
        Ok(())
    }

    /// Decides about every endpoint, by a configuration no older than the one that the event was
    /// accepted with.
    async fn decide(&self, event: &Event) -> Result<Vec<EndpointVerdict>, BusError> {
        let needed = event.meta.config_revision.unwrap_or_default();
        if self.snapshot.revision() >= needed {
            let verdicts = self.verdicts(event);
            // Nobody at all: the application may have got its first endpoint a moment ago.
            if !verdicts.is_empty() {
                return Ok(verdicts);
            }
        }
        // What the bucket holds now is at least what it held then, also when it was made anew and
        // counts its revisions from the beginning.
        self.snapshot.catch_up(PATIENCE).await?;
        Ok(self.verdicts(event))
    }

    fn verdicts(&self, event: &Event) -> Vec<EndpointVerdict> {
        let application: &ApplicationId = &event.meta.application;
        let mut verdicts = Vec::new();
        self.snapshot.for_each_endpoint(application, |endpoint| {
            verdicts.push(EndpointVerdict {
                endpoint: endpoint.id.clone(),
                verdict: matching::verdict(&event.meta, endpoint),
            });
        });
        // An order that is always the same, so that a repetition records the same parts.
        verdicts.sort_unstable_by(|a, b| a.endpoint.cmp(&b.endpoint));
        verdicts
    }

    /// Publishes jobs until all are stored; those that are stored are not published again.
    async fn store_jobs(&self, mut jobs: Vec<DeliveryJob>) -> Result<(), Unfinished> {
        while let Err(failed) = self.bus.publish_jobs(jobs).await {
            tracing::warn!(error = %failed.cause, jobs = failed.jobs.len(), "jobs not stored");
            self.pause(failed.cause).await?;
            jobs = failed.jobs;
        }
        Ok(())
    }

    /// Publishes a part of the verdict until it is stored; its roster only if history may lack it.
    async fn store_decision(&self, mut decision: FanoutVerdict) -> Result<(), Unfinished> {
        self.rosters.take_out_known(&mut decision, Instant::now());
        let record = Outcome::Fanout(decision);
        while let Err(cause) = self.bus.publish_outcome(&record).await {
            tracing::warn!(error = %cause, "verdict not stored");
            self.pause(cause).await?;
        }
        if let Outcome::Fanout(decision) = &record
            && !self.rosters.note_stored(decision, Instant::now())
        {
            metric::Counter::LimitReached.add(1, &[("limit", "fanout_rosters")]);
        }
        Ok(())
    }

    /// Waits before the next try; an error when there is none.
    async fn pause(&self, cause: PublishError) -> Result<(), Unfinished> {
        if !cause.is_transient() {
            return Err(Unfinished::NotStored(cause));
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY_PAUSE) => Ok(()),
            () = self.shutdown.requested() => Err(Unfinished::NotStored(cause)),
        }
    }

    /// A message that this build cannot read is kept aside with the reason.
    async fn reject(&self, message: &Message, error: &FrameError) -> Result<(), PublishError> {
        let refused = Refused {
            door: Door::Fanout,
            subject: message.subject(),
            code: "unreadable_event",
            detail: error_chain::chain(error),
            trace_id: None,
            input: message.payload().clone(),
        };
        self.bus.reject(refused).await.map(drop)
    }
}

/// Tells the server at a steady rhythm that the event is still worked on.
async fn still_here(message: &Message) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(STILL_HERE).await;
        message.in_progress().await;
    }
}

fn describe(event: &Event, matched: usize) {
    let span = Span::current();
    span.record("posthorn.app.id", event.meta.application.as_str());
    span.record("posthorn.event.id", event.meta.id.as_str());
    span.record("posthorn.event.type", event.meta.event_type.as_str());
    span.record("posthorn.fanout.matched", matched);
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}
