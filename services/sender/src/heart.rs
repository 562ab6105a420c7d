//! The heartbeat: says that this sender lives and what it holds, on a timer of its own.
//!
//! Nothing else runs in it, so that no slow answer to another question lets the lease run out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::members::{Member, Members};
use posthorn_chassis::error_chain;
use posthorn_event_schema::Partition;
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use crate::lease::{HEARTBEAT, Lease};

/// How long a heartbeat may take: one that is lost is repeated while the lease of the one before it
/// lasts, and the repetition has as long.
const BEAT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the others hear of this sender.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The partitions that it works on, or is still finishing work on.
    pub(crate) holds: BTreeSet<Partition>,
    /// It is about to let all of them go.
    pub(crate) leaving: bool,
}

/// This sender's heartbeat. Clones share it.
#[derive(Clone)]
pub(crate) struct Heart {
    me: Arc<str>,
    members: Members,
    lease: Arc<Lease>,
    said: Arc<Mutex<Said>>,
    retry_waits_ms: Vec<u64>,
}

impl Heart {
    pub(crate) fn new(
        me: Arc<str>,
        members: Members,
        lease: Arc<Lease>,
        retry_waits_ms: Vec<u64>,
    ) -> Self {
        Self {
            me,
            members,
            lease,
            said: Arc::default(),
            retry_waits_ms,
        }
    }

    /// Beats until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut beats = tokio::time::interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => self.beat().await,
                () = stop.cancelled() => return,
            };
        }
    }

    /// Says this from now on, and says it at once if it is new; tells whether it arrived.
    pub(crate) async fn say(&self, what: Said) -> bool {
        let mut said = self.said.lock().await;
        if *said == what {
            return true;
        }
        *said = what;
        self.put(&said).await
    }

    /// One heartbeat; tells whether it arrived.
    pub(crate) async fn beat(&self) -> bool {
        self.put(&*self.said.lock().await).await
    }

    /// To be called under the lock, so that an older word never arrives after a newer one.
    async fn put(&self, said: &Said) -> bool {
        let sent = Instant::now();
        self.lease.check(sent);
        let member = Member {
            holds: said.holds.iter().copied().collect(),
            leaving: said.leaving,
            retry_waits_ms: Some(self.retry_waits_ms.clone()),
        };
        let put = self.members.heartbeat(&self.me, &member);
        match timeout(BEAT_TIMEOUT, put).await {
            Ok(Ok(_revision)) => {
                self.lease.renew(sent);
                return true;
            }
            Ok(Err(error)) => {
                let reason = error_chain::chain(&error);
                tracing::warn!(reason, "no heartbeat");
            }
            Err(_elapsed) => tracing::warn!(reason = "no answer in time", "no heartbeat"),
        }
        false
    }
}
