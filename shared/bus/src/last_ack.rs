//! Acks of a work queue, the last of them a moment late, so that the queue does not run empty between two
//! messages.
//!
//! When the last message of a stream is acked, nats-server makes a new file for the next one and deletes the
//! old one. Between messages that come one by one it does so for each of them. While one message stays,
//! all go into the same file.
//! *Source*: `removeMsgBlock` in nats-server 2.15.1; at 1,000 events/s that was a third of its time, most
//! of it ext4's search for an inode that was not deleted within the last 5 s.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use posthorn_chassis::Shutdown;
use tokio::sync::Notify;

use crate::consumer::Receipt;

/// How often a held ack is looked at: it leaves with the next one, or when it was there at two looks. Above
/// 20 messages/s the queue hardly runs empty, and below, what it costs is little.
const LOOK: Duration = Duration::from_millis(50);

/// Sends acks of one stream. Clones share the one that is held back.
///
/// A process that dies leaves one more message of it unacked: work that ended within the 100 ms before, and
/// that is done again by whoever gets the message next.
#[derive(Clone)]
pub struct LastAck(Arc<Shared>);

struct Shared {
    state: Mutex<State<Receipt>>,
    came: Notify,
}

impl LastAck {
    /// Holds acks back until the shutdown is requested; from then on none.
    #[must_use]
    pub fn new(shutdown: &Shutdown) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Empty),
            came: Notify::new(),
        });
        shutdown.spawn("last ack", look(Arc::clone(&shared), shutdown.clone()));
        Self(shared)
    }

    /// Tells the server that everything that follows from the message is stored: at once if another one
    /// comes, or else a moment later.
    ///
    /// A lost ack means the message comes again, which changes nothing.
    pub async fn ack(&self, receipt: Receipt) {
        let (before, was_empty) = self.0.with(|state| state.hold(receipt));
        if was_empty {
            self.0.came.notify_one();
        }
        if let Some(before) = before {
            before.ack().await;
        }
    }
}

impl Shared {
    fn with<T>(&self, step: impl FnOnce(&mut State<Receipt>) -> T) -> T {
        step(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sends what has been held for long enough, and at the shutdown whatever is held.
async fn look(shared: Arc<Shared>, shutdown: Shutdown) {
    while !shutdown.is_requested() {
        // While nothing is held, nobody wakes up.
        let pause = async {
            if shared.with(|state| state.is_empty()) {
                shared.came.notified().await;
            }
            tokio::time::sleep(LOOK).await;
        };
        tokio::select! {
            () = pause => {}
            () = shutdown.requested() => break,
        }
        if let Some(receipt) = shared.with(State::look) {
            receipt.ack().await;
        }
    }
    if let Some(receipt) = shared.with(State::close) {
        receipt.ack().await;
    }
}

/// What is held back. Pure.
#[derive(Debug)]
enum State<T> {
    Empty,
    /// Since the last look.
    Fresh(T),
    /// Since before the last look.
    Seen(T),
    /// Nothing is held any more.
    Closed,
}

impl<T> State<T> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// What may go because of this one, and whether nothing was held.
    fn hold(&mut self, next: T) -> (Option<T>, bool) {
        if matches!(self, Self::Closed) {
            return (Some(next), false);
        }
        match std::mem::replace(self, Self::Fresh(next)) {
            Self::Empty | Self::Closed => (None, true),
            Self::Fresh(before) | Self::Seen(before) => (Some(before), false),
        }
    }

    /// What was there at the last look, too.
    fn look(&mut self) -> Option<T> {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty => None,
            Self::Fresh(held) => {
                *self = Self::Seen(held);
                None
            }
            Self::Seen(held) => Some(held),
            Self::Closed => {
                *self = Self::Closed;
                None
            }
        }
    }

    fn close(&mut self) -> Option<T> {
        match std::mem::replace(self, Self::Closed) {
            Self::Empty | Self::Closed => None,
            Self::Fresh(held) | Self::Seen(held) => Some(held),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_when_the_next_comes_or_at_its_second_look() {
        let mut state = State::Empty;
        assert_eq!(state.hold(1), (None, true));
        assert_eq!(state.look(), None);
        assert_eq!(state.hold(2), (Some(1), false));
        assert_eq!(state.look(), None);
        assert_eq!(state.look(), Some(2));
        assert_eq!(state.look(), None);
        assert!(state.is_empty());
    }

    #[test]
    fn nothing_is_held_after_the_end() {
        let mut state = State::Empty;
        assert_eq!(state.hold(1), (None, true));
        assert_eq!(state.close(), Some(1));
        assert_eq!(state.hold(2), (Some(2), false));
        assert_eq!((state.look(), state.close()), (None, None));
    }
}
