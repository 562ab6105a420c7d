//! Whether the process may be given work, as a set of named gates.
//!
//! Live and ready are two questions: a process that has lost its NATS connection is alive (a
//! restart would not help) but not ready. Each part that must be in order owns a gate and says why
//! it is shut; `/readyz` shows them all, so that nobody has to guess what a pod waits for.

use std::sync::Arc;

use tokio::sync::watch;

/// What is said of a gate before its owner has said anything.
const STARTING: &str = "starting";

/// The gates of a process, and whether it has opened at all.
///
/// Clones share one state. Nothing is ready before [`Self::open`] or after [`Self::close`].
#[derive(Clone, Debug)]
pub struct Readiness {
    state: Arc<watch::Sender<Report>>,
}

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It connects and binds.
    Starting,
    /// It was built, and its gates decide.
    Open,
    /// It is shutting down; there is no way back.
    Closed,
}

impl Phase {
    /// The name as `/readyz` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// What `/readyz` answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where the process is in its life.
    pub phase: Phase,
    /// The gates, in the order in which they were created.
    pub gates: Vec<GateReport>,
}

/// One gate in a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateReport {
    /// What must be in order, such as `nats`.
    pub name: &'static str,
    /// Why the gate is shut; none when it is open.
    pub reason: Option<String>,
}

impl Report {
    /// Whether the process may be given work: it is open, and so are all its gates.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Open && self.gates.iter().all(|gate| gate.reason.is_none())
    }
}

impl Readiness {
    /// Creates a readiness without gates, not open yet.
    pub fn new() -> Self {
        let report = Report {
            phase: Phase::Starting,
            gates: Vec::new(),
        };
        Self {
            state: Arc::new(watch::Sender::new(report)),
        }
    }

    /// Creates a gate, shut until its owner says otherwise.
    ///
    /// Two gates may have the same name (two services in one process that each need NATS); both
    /// must then be open.
    pub fn gate(&self, name: &'static str) -> Gate {
        let mut index = 0;
        self.state.send_modify(|report| {
            index = report.gates.len();
            report.gates.push(GateReport {
                name,
                reason: Some(STARTING.to_owned()),
            });
        });
        Gate {
            readiness: self.clone(),
            name,
            index,
        }
    }

    /// Lets the gates decide from now on. Without effect after [`Self::close`].
    pub fn open(&self) {
        self.state.send_if_modified(|report| {
            let opens = report.phase == Phase::Starting;
            if opens {
                report.phase = Phase::Open;
            }
            opens
        });
    }

    /// Makes the process unready for good, because it is shutting down.
    pub fn close(&self) {
        self.state
            .send_modify(|report| report.phase = Phase::Closed);
    }

    /// Whether the process may be given work.
    pub fn is_ready(&self) -> bool {
        self.state.borrow().is_ready()
    }

    /// The state of every gate.
    pub fn report(&self) -> Report {
        self.state.borrow().clone()
    }

    /// Waits until the process is ready; never returns once it was closed.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again at any time.
    pub async fn ready(&self) {
        let mut changes = self.state.subscribe();
        if changes.wait_for(Report::is_ready).await.is_err() {
            // Only when the sender is gone, which `self` holds.
            std::future::pending::<()>().await;
        }
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

/// One thing that must be in order before the process may be given work.
///
/// Dropping it leaves its last word standing.
#[derive(Clone, Debug)]
pub struct Gate {
    readiness: Readiness,
    name: &'static str,
    index: usize,
}

/// Whether a gate was open before it changed.
struct WasOpen(bool);

impl Gate {
    /// Says that this part is in order. Cheap and silent when that was known.
    pub fn ready(&self) {
        if self.set(None).is_some() {
            tracing::info!(gate = self.name, "readiness gate opened");
        }
    }

    /// Says why this part is not in order. Cheap and silent when that was known.
    ///
    /// The reason is shown to whoever reaches the admin port: no secrets, no URLs with userinfo.
    pub fn unready(&self, reason: impl Into<String>) {
        let reason = reason.into();
        match self.set(Some(reason.clone())) {
            Some(WasOpen(true)) => tracing::warn!(gate = self.name, reason, "readiness gate shut"),
            Some(WasOpen(false)) => {
                tracing::info!(gate = self.name, reason, "readiness gate still shut");
            }
            None => {}
        }
    }

    /// Stores the reason; when that is a change, says what it was a change from.
    fn set(&self, reason: Option<String>) -> Option<WasOpen> {
        let mut before = None;
        self.readiness.state.send_if_modified(|report| {
            let gate = report
                .gates
                .get_mut(self.index)
                .expect("gates are never removed");
            if gate.reason != reason {
                before = Some(WasOpen(gate.reason.is_none()));
                gate.reason = reason;
            }
            before.is_some()
        });
        before
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_process_without_gates_is_ready_once_it_is_open() {
        let readiness = Readiness::new();
        assert!(!readiness.is_ready());

        readiness.open();

        assert!(readiness.is_ready());
    }

    #[test]
    fn every_gate_must_be_open() {
        let readiness = Readiness::new();
        let (nats, snapshot) = (readiness.gate("nats"), readiness.gate("snapshot"));
        readiness.open();
        assert!(!readiness.is_ready());

        nats.ready();
        assert!(!readiness.is_ready());

        snapshot.ready();
        assert!(readiness.is_ready());

        nats.unready("connection lost");
        assert!(!readiness.is_ready());
    }

    #[test]
    fn gates_of_the_same_name_do_not_hide_each_other() {
        let readiness = Readiness::new();
        let (ingest, sender) = (readiness.gate("nats"), readiness.gate("nats"));
        readiness.open();

        ingest.ready();
        assert!(!readiness.is_ready());

        sender.ready();
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_closed_process_stays_unready() {
        let readiness = Readiness::new();
        let gate = readiness.gate("nats");
        readiness.open();
        readiness.close();

        gate.ready();
        readiness.open();

        assert!(!readiness.is_ready());
        assert_eq!(readiness.report().phase, Phase::Closed);
    }

    #[test]
    fn a_report_says_why_a_gate_is_shut() {
        let readiness = Readiness::new();
        readiness.gate("nats").unready("no servers");
        readiness.gate("snapshot");

        let gates = readiness.report().gates;

        assert_eq!(gates[0].reason.as_deref(), Some("no servers"));
        assert_eq!(gates[1].reason.as_deref(), Some(STARTING));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_the_last_gate_opens() {
        let readiness = Readiness::new();
        let gate = readiness.gate("nats");
        readiness.open();
        assert!(readiness.ready().now_or_never().is_none());

        let (waited, ()) = tokio::join!(readiness.ready().map(|()| true), async { gate.ready() });

        assert!(waited);
    }
}
