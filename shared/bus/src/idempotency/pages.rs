//! Marks of many keys in one message.
//!
//! A mark of its own costs nats-server as much as the claim did, with sync `always` an fsync. So each claim
//! names a *page* from the beginning: a value in the first bucket that lists events which are stored. Its
//! writer, the process that claimed, replaces it by a longer list while claims that name it are being marked.
//! A page has one writer, which writes no further version after one of which it does not know whether it is
//! stored: that one may come last. What is to be marked then is told by the claims themselves.
//!
//! *Source*: with a mark for each key, sync `always` and 300 keyed events/s, `strace` counted 2.0 fsyncs of the
//! bucket for each event, one of them for the mark.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::kv::{PutError, Store};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use posthorn_chassis::{entropy, metric};
use posthorn_event_schema::EventId;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::BusError;

/// Claims that name one page at most: a version of it stays below 10 KiB.
const MOST_CLAIMS: usize = 128;
/// How long new claims name the same page.
const OPEN_FOR: Duration = Duration::from_millis(100);
/// How long a mark waits for others to share its message, unless somebody waits for it. A process that
/// dies leaves the keys of so long unmarked, as well as what it had in flight.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a version may take before its page is given up, and others of it wait no longer.
const PATIENCE: Duration = Duration::from_millis(500);

type Written = Result<(), NotWritten>;

/// Why an event is not on its page.
#[derive(Debug, Clone, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    Put(Arc<PutError>),
    #[error("an earlier version of the page was not confirmed in time")]
    GivenUp,
}

/// A page of this process.
#[derive(Debug)]
pub(super) struct Page {
    key: String,
    /// The events on it. Only the writer's task touches it.
    stored: Mutex<Vec<EventId>>,
    /// There is a version that nobody confirmed in time, and there will be no other.
    given_up: AtomicBool,
}

/// A page as the bucket has it.
#[derive(Serialize, Deserialize)]
struct Listed<Events> {
    stored: Events,
}

/// The pages of this process. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    open: Arc<Mutex<Open>>,
    /// Each waits for its answer, and all that wait are taken at once, so there are no more than events that are
    /// being stored and marked.
    marks: UnboundedSender<Marking>,
    deadline: Duration,
}

/// The page that new claims name.
#[derive(Debug)]
struct Open {
    /// What no other process's pages begin with.
    prefix: String,
    number: u64,
    page: Arc<Page>,
    claims: usize,
    until: Instant,
}

/// An event to be put on its page, and whom to tell that it is there.
#[derive(Debug)]
struct Marking {
    page: Arc<Page>,
    event: EventId,
    at_once: bool,
    written: oneshot::Sender<Written>,
}

impl Pages {
    /// Starts the task that writes; it ends when nobody can mark any more. Whoever marks hears of it within
    /// the deadline, or that nothing is known of it.
    #[expect(
        clippy::disallowed_methods,
        reason = "no shutdown has to wait for it: whoever marks waits for its answer"
    )]
    pub(super) fn start(bucket: Arc<Store>, deadline: Duration) -> Self {
        let (marks, queue) = unbounded_channel();
        tokio::spawn(run(bucket, queue));
        let process = u128::from_be_bytes(entropy::bytes());
        let open = Open::new(format!("page.{process:032x}"), Instant::now());
        let open = Arc::new(Mutex::new(open));
        Self {
            open,
            marks,
            deadline,
        }
    }

    /// The page for one more claim.
    pub(super) fn for_claim(&self, now: Instant) -> Arc<Page> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.for_claim(now)
    }

    /// Puts an event on a page; `at_once` spares the caller the wait for others.
    ///
    /// *Guarantee*: after `Ok`, whoever reads the page finds the event.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer: the event may be on it.
    pub(super) async fn mark(
        &self,
        page: &Arc<Page>,
        event: &EventId,
        at_once: bool,
    ) -> Result<(), BusError> {
        let (written, answer) = oneshot::channel();
        let marking = Marking {
            page: Arc::clone(page),
            event: event.clone(),
            at_once,
            written,
        };
        self.marks.send(marking).ok();
        let failed = "mark idempotency keys";
        match timeout(self.deadline, answer).await {
            Ok(Ok(written)) => written.map_err(BusError::request(failed)),
            Ok(Err(gone)) => Err(BusError::request(failed)(gone)),
            Err(elapsed) => Err(BusError::request(failed)(elapsed)),
        }
    }
}

impl Open {
    fn new(prefix: String, now: Instant) -> Self {
        Self {
            page: Arc::new(Page::new(&prefix, 0)),
            prefix,
            number: 0,
            claims: 0,
            until: now + OPEN_FOR,
        }
    }

    fn for_claim(&mut self, now: Instant) -> Arc<Page> {
        if self.claims == MOST_CLAIMS || now >= self.until {
            self.number += 1;
            self.page = Arc::new(Page::new(&self.prefix, self.number));
            self.claims = 0;
            self.until = now + OPEN_FOR;
        }
        self.claims += 1;
        Arc::clone(&self.page)
    }
}

impl Page {
    fn new(prefix: &str, number: u64) -> Self {
        Self {
            key: format!("{prefix}.{number}"),
            stored: Mutex::default(),
            given_up: AtomicBool::new(false),
        }
    }

    /// What claims call it: its key in the bucket.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether nothing more can be put on it.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    fn give_up(&self) {
        if !self.given_up.swap(true, Ordering::Relaxed) {
            metric::Counter::LimitReached.add(1, &[("limit", "idempotency_page_given_up")]);
        }
    }

    /// Its next version, which has these events, too.
    fn with<'a>(&self, events: impl Iterator<Item = &'a EventId>) -> Bytes {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if !stored.contains(event) {
                stored.push(event.clone());
            }
        }
        let listed = Listed { stored: &*stored };
        // Strings in a list are always JSON.
        serde_json::to_vec(&listed).unwrap_or_default().into()
    }
}

/// Whether a page lists an event.
///
/// # Errors
/// [`BusError::Request`] when JetStream does not answer, [`BusError::Value`] when it is no page.
pub(super) async fn lists(bucket: &Store, page: &str, event: &EventId) -> Result<bool, BusError> {
    let value = bucket.get(page).await;
    let Some(value) = value.map_err(BusError::request("read idempotency keys"))? else {
        return Ok(false);
    };
    let listed: Listed<Vec<EventId>> =
        serde_json::from_slice(&value).map_err(|cause| BusError::Value {
            what: "page of idempotency keys",
            cause,
        })?;
    Ok(listed.stored.contains(event))
}

async fn run(bucket: Arc<Store>, mut queue: UnboundedReceiver<Marking>) {
    // A put ends some time, so they are few: one for each [`PATIENCE`] of that time.
    let mut late = FuturesUnordered::new();
    loop {
        let first = tokio::select! {
            next = queue.recv() => match next {
                Some(marking) => marking,
                None => break,
            },
            Some(_) = late.next() => continue,
        };
        let marks = by_page(gather(first, &mut queue).await);
        let pages: Vec<_> = marks
            .iter()
            .map(|marks| Arc::clone(&marks[0].page))
            .collect();
        let writing = marks.into_iter().map(|marks| write(&bucket, marks));
        let mut writing = Box::pin(join_all(writing));
        if timeout(PATIENCE, &mut writing).await.is_err() {
            pages.iter().for_each(|page| page.give_up());
            late.push(writing);
        }
    }
    while late.next().await.is_some() {}
}

/// What is to be marked with the first: all that comes within a pause, or until somebody waits for one.
async fn gather(first: Marking, queue: &mut UnboundedReceiver<Marking>) -> Vec<Marking> {
    let until = Instant::now() + PAUSE;
    let mut marks = vec![first];
    while !marks.last().is_some_and(|last| last.at_once) {
        match timeout_at(until, queue.recv()).await {
            Ok(Some(next)) => marks.push(next),
            Ok(None) | Err(_) => break,
        }
    }
    while let Ok(next) = queue.try_recv() {
        marks.push(next);
    }
    marks
}

/// Never an empty list.
fn by_page(marks: Vec<Marking>) -> Vec<Vec<Marking>> {
    let mut pages: Vec<Vec<Marking>> = Vec::new();
    for marking in marks {
        let same = |page: &&mut Vec<Marking>| Arc::ptr_eq(&page[0].page, &marking.page);
        match pages.iter_mut().find(same) {
            Some(page) => page.push(marking),
            None => pages.push(vec![marking]),
        }
    }
    pages
}

async fn write(bucket: &Store, marks: Vec<Marking>) {
    let page = Arc::clone(&marks[0].page);
    let written = if page.is_given_up() {
        Err(NotWritten::GivenUp)
    } else {
        let version = page.with(marks.iter().map(|marking| &marking.event));
        let put = bucket.put(page.key(), version).await;
        put.map(drop).map_err(|error| {
            page.give_up();
            NotWritten::Put(Arc::new(error))
        })
    };
    for marking in marks {
        // Whoever does not wait any more has no need to know.
        marking.written.send(written.clone()).ok();
    }
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::id::MAX_ID_LEN;

    use super::*;

    fn event(number: usize) -> EventId {
        EventId::parse(&format!("event_{number}")).unwrap()
    }

    #[test]
    fn a_page_is_for_so_many_claims_and_so_long() {
        let now = Instant::now();
        let mut open = Open::new("page.a".to_owned(), now);
        let first = open.for_claim(now);
        for _ in 1..MOST_CLAIMS {
            assert_eq!(open.for_claim(now).key(), first.key());
        }
        let second = open.for_claim(now);
        assert_ne!(second.key(), first.key());
        let just_before = now + OPEN_FOR - Duration::from_nanos(1);
        assert_eq!(open.for_claim(just_before).key(), second.key());
        let third = open.for_claim(now + OPEN_FOR);
        assert_eq!(
            [first.key(), second.key(), third.key()],
            ["page.a.0", "page.a.1", "page.a.2"]
        );
    }

    #[test]
    fn each_version_has_what_the_one_before_it_had() {
        let page = Page::new("page.a", 0);
        page.with([event(1), event(2)].iter());
        let version = page.with([event(2), event(3)].iter());
        let listed: Listed<Vec<EventId>> = serde_json::from_slice(&version).unwrap();
        assert_eq!(listed.stored, [event(1), event(2), event(3)]);
    }

    #[test]
    fn a_full_page_is_small() {
        let page = Page::new("page.a", 0);
        let ids = (0..MOST_CLAIMS).map(|n| format!("event_{n:058}"));
        let ids: Vec<_> = ids.map(|id| EventId::parse(&id).unwrap()).collect();
        let longest = ids.iter().map(|id| id.as_str().len()).max();
        assert_eq!(longest, Some(MAX_ID_LEN));
        assert!(page.with(ids.iter()).len() < 10 * 1024);
    }
}
