//! One watcher's stream of server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures::{Stream, stream};
use posthorn_chassis::{Shutdown, metric};
use posthorn_event_schema::{ApplicationId, EndpointId, OrganizationId};
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, sleep_until};

use super::{Beginning, Item, Kind, Place, Position};
use crate::credential::Standing;
use crate::public::attempt::Status;
use crate::public::live::{LiveReadyOut, LiveReasonOut};
use crate::state::ApiState;

/// A stream ends by itself, so that connections spread over the processes again.
const MAX_AGE: Duration = Duration::from_secs(3_600);
/// How often it is looked whether the caller's token is still in force.
const LOOK: Duration = Duration::from_secs(10);

/// What a watcher wants to be told.
pub(crate) struct Filter {
    pub(crate) organization: OrganizationId,
    /// This application alone.
    pub(crate) application: Option<ApplicationId>,
    /// The application that is not listed.
    pub(crate) hidden: ApplicationId,
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) status: Option<Status>,
    pub(crate) kinds: Vec<Kind>,
}

impl Filter {
    fn passes(&self, item: &Item) -> bool {
        let Some((organization, application)) = &item.whose else {
            return true;
        };
        let in_scope = *organization == self.organization
            && match &self.application {
                Some(wanted) => application == wanted,
                None => *application != self.hidden,
            };
        let wanted = |endpoint: &EndpointId| item.endpoint.as_ref() == Some(endpoint);
        in_scope
            && self.kinds.contains(&item.kind)
            && self.endpoint.as_ref().is_none_or(wanted)
            && self.status.is_none_or(|status| item.status == Some(status))
    }
}

/// One watcher.
pub(crate) struct Watcher {
    pub(crate) state: ApiState,
    pub(crate) filter: Filter,
    pub(crate) standing: Standing,
    pub(crate) shutdown: Shutdown,
    /// Given back when the stream ends.
    pub(crate) _place: Place,
    /// It asked to go on after a position.
    pub(crate) asked: bool,
}

struct Running {
    watcher: Watcher,
    receiver: broadcast::Receiver<Arc<Item>>,
    /// What is to be told before what comes next.
    first: VecDeque<Event>,
    /// The last place that was told or left out.
    last: Option<Position>,
    next_look: Instant,
    ends_at: Instant,
    ended: bool,
}

impl Watcher {
    /// The events: first whether anything was missed, then what was, then what comes.
    pub(crate) fn events(
        self,
        beginning: Beginning,
    ) -> impl Stream<Item = Result<Event, Infallible>> {
        let resumed = beginning.resumed;
        let ready = LiveReadyOut {
            resumed,
            missed: self.asked && !resumed,
        };
        let mut first = VecDeque::from([event("ready", &ready)]);
        let wanted = beginning.missed.iter().filter(|i| self.filter.passes(i));
        first.extend(wanted.map(|item| told(item)));
        let last = beginning.missed.last().map(|item| item.place);
        let now = Instant::now();
        let running = Running {
            watcher: self,
            receiver: beginning.receiver,
            first,
            last,
            next_look: now + LOOK,
            ends_at: now + MAX_AGE,
            ended: false,
        };
        stream::unfold(running, async |mut running| {
            let event = running.next().await?;
            Some((Ok(event), running))
        })
    }
}

impl Running {
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        if let Some(event) = self.first.pop_front() {
            return Some(event);
        }
        loop {
            let received = tokio::select! {
                received = self.receiver.recv() => received,
                () = sleep_until(self.next_look) => {
                    self.next_look = Instant::now() + LOOK;
                    if self.watcher.standing.holds(&self.watcher.state).await {
                        continue;
                    }
                    return Some(self.end("token_ended"));
                }
                () = sleep_until(self.ends_at) => return Some(self.end("max_age")),
                () = self.watcher.shutdown.requested() => return Some(self.end("shutdown")),
            };
            match received {
                Ok(item) if self.is_new(&item) => return Some(told(&item)),
                Ok(_other) => {}
                Err(RecvError::Lagged(_)) => {
                    metric::Counter::LimitReached.add(1, &[("limit", "live_slow_reader")]);
                    return Some(missed("slow_reader"));
                }
                Err(RecvError::Closed) => {
                    let ends = self.watcher.shutdown.is_requested();
                    return Some(self.end(if ends { "shutdown" } else { "source" }));
                }
            }
        }
    }

    fn is_new(&mut self, item: &Item) -> bool {
        let new = Some(item.place) > self.last;
        self.last = self.last.max(Some(item.place));
        new && self.watcher.filter.passes(item)
    }

    fn end(&mut self, reason: &'static str) -> Event {
        self.ended = true;
        event("end", &LiveReasonOut { reason })
    }
}

fn told(item: &Item) -> Event {
    match item.kind {
        Kind::Gap => missed("source"),
        kind => Event::default()
            .event(kind.as_str())
            .id(&item.position)
            .data(&item.json),
    }
}

fn missed(reason: &'static str) -> Event {
    event("missed", &LiveReasonOut { reason })
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let json = serde_json::to_string(data).expect("texts are always representable in JSON");
    Event::default().event(name).data(json)
}
