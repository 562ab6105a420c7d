//! How long this sender may trust that its partitions are its own.
//!
//! The others count a sender as dead [`MEMBER_TTL`] after its last heartbeat. The lease that a
//! heartbeat gives is shorter, and begins before the heartbeat is sent; so whoever looks at the
//! lease stops before anybody else may begin, even if the process was frozen meanwhile.
//!
//! A lease that ran out ends its *term*, and all partitions of that term with it. The next heartbeat
//! begins a new term, in which partitions are claimed anew: another sender may have them by then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posthorn_bus::topology::MEMBER_TTL;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often a sender says that it lives; a sixth of the time after which it counts as dead, so that
/// one that is lost, or late on a busy server, costs nothing.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a heartbeat lasts for the one that sent it: a second less than for the others, which is
/// what a start may take from its look at the lease to the request.
const LEASE: Duration = MEMBER_TTL.saturating_sub(Duration::from_secs(1));

/// The lease of this sender.
#[derive(Debug, Default)]
pub(crate) struct Lease(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    term: CancellationToken,
}

impl State {
    fn is_valid(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

impl Lease {
    /// A heartbeat that was sent then has arrived.
    pub(crate) fn renew(&self, sent: Instant) {
        let mut state = self.state();
        state.until = state.until.max(Some(sent + LEASE));
    }

    /// Ends the term if the lease has run out; tells whether it is valid. To be called before a
    /// heartbeat is sent: a renewal after the end must not revive the old term.
    pub(crate) fn check(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_valid = state.is_valid(now);
        if !is_valid && state.until.take().is_some() {
            state.term.cancel();
            state.term = CancellationToken::new();
        }
        is_valid
    }

    /// The current term.
    pub(crate) fn term(self: &Arc<Self>) -> Term {
        Term {
            ended: self.state().term.clone(),
            lease: Arc::clone(self),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The term in which a partition was claimed.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    lease: Arc<Lease>,
    ended: CancellationToken,
}

impl Term {
    /// Whether what was claimed in this term is still ours at this moment.
    pub(crate) fn is_valid(&self) -> bool {
        // The lease is looked at first: it is prolonged only after an old term has ended.
        let is_valid = self.lease.state().is_valid(Instant::now());
        is_valid && !self.ended.is_cancelled()
    }

    /// The time in which a partition is worked on: until the term ends, or [`Tenure::end`].
    pub(crate) fn tenure(&self) -> Tenure {
        Tenure {
            term: self.clone(),
            over: self.ended.child_token(),
        }
    }
}

/// How long an owner works on its partition. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Tenure {
    term: Term,
    over: CancellationToken,
}

impl Tenure {
    /// Ends it; what has begun still has the term to finish.
    pub(crate) fn end(&self) {
        self.over.cancel();
    }

    /// Ends it when the guard is dropped.
    pub(crate) fn end_at_drop(&self) -> DropGuard {
        self.over.clone().drop_guard()
    }

    /// Whether nothing may begin any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled() || !self.term.is_valid()
    }

    /// Waits for the end.
    pub(crate) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// The term that it is a part of.
    pub(crate) fn term(&self) -> &Term {
        &self.term
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_lasts_less_than_the_others_wait() {
        let lease = Arc::new(Lease::default());
        let term = lease.term();
        assert!(!term.is_valid(), "no heartbeat yet");
        lease.renew(Instant::now());
        assert!(term.is_valid());
        tokio::time::advance(LEASE).await;
        assert!(!term.is_valid());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_heartbeat_begins_a_new_term() {
        let lease = Arc::new(Lease::default());
        lease.renew(Instant::now());
        let old = lease.term();
        let tenure = old.tenure();
        assert!(!tenure.is_over());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!lease.check(Instant::now()));
        assert!(tenure.over.is_cancelled());
        lease.renew(Instant::now());
        assert!(!old.is_valid(), "another sender may have its partitions");
        assert!(tenure.is_over());
        assert!(lease.term().is_valid());
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_counts_from_when_it_was_sent() {
        let lease = Arc::new(Lease::default());
        let sent = Instant::now();
        tokio::time::advance(Duration::from_secs(60)).await;
        lease.renew(sent);
        assert!(!lease.term().is_valid());
    }
}
