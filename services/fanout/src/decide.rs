//! From the events of a message to the jobs and verdicts that are stored.

use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use posthorn_bus::{BusError, NewJob};
use posthorn_chassis::metric;
use posthorn_event_schema::{
    ApplicationId, DeliveryJob, EndpointVerdict, Event, FanoutVerdict, OrderingKey, Outcome,
    Verdict,
};
use tracing::{Instrument, Span};

use crate::handle::{Arrived, Handler, Unfinished, now};
use crate::{enqueue, matching};

/// How long events wait for the snapshot to catch up before they are given back.
const PATIENCE: Duration = Duration::from_secs(2);

/// An event about which everything is decided.
struct Decided {
    event: Event,
    verdicts: Vec<EndpointVerdict>,
    /// Where it is called back, if anywhere.
    called_back: Option<EndpointVerdict>,
    jobs: Vec<DeliveryJob>,
    span: Span,
}

impl Handler {
    /// Stores what follows from the events of a message; `place` is the message's in EVENTS.
    pub(crate) async fn fan_out(
        &self,
        events: Vec<Arrived>,
        place: Option<u64>,
    ) -> Result<(), Unfinished> {
        let decisions = events.into_iter().map(|arrived| {
            let span = arrived.span.clone();
            self.decide(arrived, place).instrument(span)
        });
        // Nothing is stored before all of them are: what is repeated then is the same messages.
        let mut decided = try_join_all(decisions).await.map_err(Unfinished::Behind)?;
        let mut jobs = Vec::new();
        for Decided {
            jobs: some, span, ..
        } in &mut decided
        {
            let new = |job: DeliveryJob| NewJob {
                apart: self.snapshot.is_fifo(&job.meta.endpoint),
                job,
                cause: span.clone(),
            };
            jobs.extend(std::mem::take(some).into_iter().map(new));
        }
        let matched = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        self.store_jobs(jobs).await?;
        let recorded = decided.into_iter().map(|decided| {
            let span = decided.span.clone();
            self.record(decided).instrument(span)
        });
        join_all(recorded)
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        metric::Counter::FanoutDeliveries.add(matched, &[]);
        Ok(())
    }

    async fn decide(&self, arrived: Arrived, place: Option<u64>) -> Result<Decided, BusError> {
        let Arrived {
            mut event,
            within,
            span,
        } = arrived;
        self.limit_life(&mut event);
        let verdicts = self.current_verdicts(&event).await?;
        let mut jobs = enqueue::jobs(&event, &verdicts, self.window);
        let callback = self.callbacks.job(&event, self.window);
        let called_back = callback.as_ref().map(|callback| EndpointVerdict {
            endpoint: callback.meta.endpoint.clone(),
            verdict: Verdict::Matched,
        });
        jobs.extend(callback);
        if place.is_some() {
            let line = event.meta.ordering_key.as_ref().map(OrderingKey::line);
            for job in &mut jobs {
                job.meta.order = place;
                job.meta.order_within = within;
                job.meta.line = line.filter(|_| job.meta.callback.is_none());
            }
        }
        span.record("posthorn.fanout.matched", jobs.len());
        Ok(Decided {
            event,
            verdicts,
            called_back,
            jobs,
            span,
        })
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

    /// Decides about every endpoint, by a configuration no older than the one that the event was
    /// accepted with.
    async fn current_verdicts(&self, event: &Event) -> Result<Vec<EndpointVerdict>, BusError> {
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
    async fn store_jobs(&self, mut jobs: Vec<NewJob>) -> Result<(), Unfinished> {
        while let Err(failed) = self.bus.publish_jobs(jobs).await {
            tracing::warn!(error = %failed.cause, jobs = failed.jobs.len(), "jobs not stored");
            self.pause(failed.cause).await?;
            jobs = failed.jobs;
        }
        Ok(())
    }

    async fn record(&self, decided: Decided) -> Result<(), Unfinished> {
        let Decided {
            event,
            verdicts,
            called_back,
            ..
        } = decided;
        for decision in enqueue::records(&event, &verdicts, called_back, now()) {
            self.store_decision(decision).await?;
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
}
