//! Storing an accepted event and marking its keys, in work that outlives its caller.
//!
//! A caller may go away at any moment (an HTTP client that hangs up takes its handler with it), and
//! may be told that the event could not be stored although it was. A key whose event is stored and
//! which is not marked would have it delivered again once nobody recognises it any more; so
//! the work goes on without the caller, as a task of its own: it publishes the event again, under the
//! same id and as long as it is recognised, until the stream has it, and then marks the keys until that is
//! stored.
//!
//! Shown by `a_caller_that_goes_away_at_any_step_leaves_no_stored_event_unmarked`,
//! `an_event_with_a_key_that_was_not_stored_in_time_is_stored_later` and
//! `a_key_is_marked_however_long_that_takes`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use posthorn_bus::events::REPEATED_WITHIN;
use posthorn_bus::idempotency::{Claim, IdempotencyKeys, Mark};
use posthorn_bus::{Bus, PublishError};
use posthorn_chassis::metric;
use posthorn_chassis::shutdown::Shutdown;
use posthorn_event_schema::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::config::METADATA_ROOM;

/// What an event takes at most from EVENTS to its senders, who must recognise a repetition.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// First and longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long marks are tried. Longer than an outage that anybody sits out, and bounded because a key
/// is forgotten one day, too.
const MARK_PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of events that are published again in the background, in a process.
const REPEATED_BYTES: usize = 64 * 1024 * 1024;

/// Stores events and marks their keys.
#[derive(Clone)]
pub(crate) struct Storing {
    bus: Bus,
    keys: IdempotencyKeys,
    shutdown: Shutdown,
    /// Room for events that are published again.
    room: Arc<Semaphore>,
}

/// What is to be marked once an event is stored, and when the caller hears that it is.
pub(crate) struct Marks {
    pub(crate) claims: Vec<(Mark, Claim)>,
    /// The event may be stored already: an earlier request claimed one of the keys.
    pub(crate) repeated: bool,
    /// The caller is told only after the keys were marked, or one try of it failed: whoever uses a
    /// key after the answer must find it used.
    pub(crate) before_answer: bool,
}

impl Storing {
    pub(crate) fn new(bus: Bus, keys: IdempotencyKeys, shutdown: Shutdown) -> Self {
        Self {
            bus,
            keys,
            shutdown,
            room: Arc::new(Semaphore::new(REPEATED_BYTES)),
        }
    }

    /// Publishes an event and has its keys marked; tells whether it was stored before.
    ///
    /// *Guarantee*: after `Ok` the event is stored. Its keys are marked soon, whatever becomes of
    /// the caller, unless this process ends or NATS is away for longer than [`MARK_PATIENCE`].
    ///
    /// # Errors
    /// The first try's. An event with keys may still be stored later, under the id that its keys
    /// stand for.
    pub(crate) async fn store(&self, event: Event, marks: Marks) -> Result<bool, PublishError> {
        let (tell, told) = oneshot::channel();
        let (this, span) = (self.clone(), Span::current());
        let work = async move { this.run(event, marks, span, tell).await };
        let outliving = Outliving {
            work: Some(Box::pin(work)),
            shutdown: self.shutdown.clone(),
        };
        match outliving.until(told).await {
            Ok(first) => first,
            // It ended without a word, which it never does.
            Err(gone) => Err(PublishError::unavailable(gone)),
        }
    }

    async fn run(
        &self,
        event: Event,
        marks: Marks,
        span: Span,
        tell: oneshot::Sender<Result<bool, PublishError>>,
    ) {
        // Beyond this a repetition might be delivered a second time: the first try may have been stored when
        // it began, and the last one is when it ends.
        let window = self.bus.duplicate_window().min(REPEATED_WITHIN);
        let last = self.bus.publish_timeout() + ON_ITS_WAY;
        let until = Instant::now() + window.saturating_sub(last);
        let publish = self.publish_first(&event, marks.repeated);
        let first = publish.instrument(span.clone()).await;
        let mut stored = first.is_ok();
        let again = matches!(&first, Err(error) if error.is_transient());
        let mut claims = marks.claims;
        if stored && marks.before_answer {
            claims = self.mark_once(claims, true).await;
        }
        // The caller may be gone: that is why this outlives it.
        tell.send(first).ok();
        if again && !claims.is_empty() {
            stored = self.publish_again(&event, until).instrument(span).await;
        }
        if stored {
            self.mark(claims).await;
        }
    }

    /// An event that may be stored already travels alone, so that the stream recognises it if the first
    /// copy was alone, too. Tells whether it did.
    async fn publish_first(&self, event: &Event, repeated: bool) -> Result<bool, PublishError> {
        if repeated {
            let stored = self.bus.publish_event(event).await?;
            return Ok(stored.duplicate);
        }
        self.bus.publish_event_with_others(event).await?;
        Ok(false)
    }

    /// Publishes an event until it is stored; whether that came about.
    async fn publish_again(&self, event: &Event, until: Instant) -> bool {
        let Some(_room) = self.room_for(event) else {
            return given_up("publish");
        };
        let mut pause = FIRST_PAUSE;
        while self.wait(&mut pause, until).await {
            match self.bus.publish_event(event).await {
                Ok(_stored) => return true,
                Err(error) if error.is_transient() => {
                    tracing::debug!(error = %error, "event not stored yet");
                }
                Err(_never) => break,
            }
        }
        given_up("publish")
    }

    fn room_for(&self, event: &Event) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(event.body.len() + METADATA_ROOM).ok()?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes).ok();
        if room.is_none() {
            metric::Counter::LimitReached.add(1, &[("limit", "ingest_repeated_bytes")]);
        }
        room
    }

    /// Marks keys until all marks are stored.
    async fn mark(&self, mut claims: Vec<(Mark, Claim)>) {
        let until = Instant::now() + MARK_PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            claims = self.mark_once(claims, false).await;
            if claims.is_empty() {
                return;
            }
            if !self.wait(&mut pause, until).await {
                given_up("mark");
                return;
            }
        }
    }

    /// Tries once to mark each key; returns those that are not marked.
    async fn mark_once(&self, claims: Vec<(Mark, Claim)>, at_once: bool) -> Vec<(Mark, Claim)> {
        let marking = claims.into_iter().map(|(mark, claim)| async {
            match self.keys.mark_published(&mark, &claim, at_once).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::debug!(error = %error, "idempotency key not marked yet");
                    Some((mark, claim))
                }
            }
        });
        join_all(marking).await.into_iter().flatten().collect()
    }

    /// Waits before another try; `false` when there is to be none.
    async fn wait(&self, pause: &mut Duration, until: Instant) -> bool {
        if Instant::now() + *pause > until {
            return false;
        }
        let waited = tokio::select! {
            () = tokio::time::sleep(*pause) => true,
            () = self.shutdown.requested() => false,
        };
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        waited
    }
}

/// Work that is done where its caller waits for it, and goes on as a task of its own once the caller
/// waits no longer. Most of it is over by then, and no other thread had to be woken for it.
struct Outliving {
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    shutdown: Shutdown,
}

impl Outliving {
    /// Works until `told` is.
    async fn until<T>(
        mut self,
        mut told: oneshot::Receiver<T>,
    ) -> Result<T, oneshot::error::RecvError> {
        poll_fn(move |context| {
            // Out of our hands meanwhile: work that panics must not go on.
            if let Some(mut work) = self.work.take()
                && work.as_mut().poll(context).is_pending()
            {
                self.work = Some(work);
            }
            Pin::new(&mut told).poll(context)
        })
        .await
    }
}

impl Drop for Outliving {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.shutdown.spawn("store event", work);
        }
    }
}

/// Counts what was not brought to its end. Always `false`.
fn given_up(step: &'static str) -> bool {
    metric::Counter::IngestGivenUp.add(1, &[("step", step)]);
    tracing::warn!(
        step,
        "gave up on an event's key, its late repetition may be delivered once more"
    );
    false
}
