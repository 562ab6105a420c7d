//! What a receiver knows: its scripts, the requests so far, and who waits for more of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use super::{Behaviour, Received};

/// Shared by a receiver and its connections.
#[derive(Debug)]
pub(super) struct State {
    scripts: Mutex<Scripts>,
    connections: AtomicU64,
    /// Changes with every request.
    total: watch::Sender<usize>,
}

#[derive(Debug)]
struct Scripts {
    default: Behaviour,
    paths: HashMap<String, PathState>,
}

#[derive(Debug, Default)]
struct PathState {
    behaviour: Option<Behaviour>,
    /// Requests since the behaviour was set.
    answered: u64,
    received: Vec<Arc<Received>>,
    at_once: usize,
    most_at_once: usize,
}

impl Default for State {
    fn default() -> Self {
        let scripts = Scripts {
            default: Behaviour::Status(200),
            paths: HashMap::new(),
        };
        Self {
            scripts: Mutex::new(scripts),
            connections: AtomicU64::new(0),
            total: watch::Sender::new(0),
        }
    }
}

impl State {
    pub(super) fn set(&self, path: &str, behaviour: Behaviour) {
        let mut scripts = self.scripts();
        let state = scripts.paths.entry(path.to_owned()).or_default();
        state.behaviour = Some(behaviour);
        state.answered = 0;
    }

    pub(super) fn set_default(&self, behaviour: Behaviour) {
        let mut scripts = self.scripts();
        scripts.default = behaviour;
        let unscripted = scripts
            .paths
            .values_mut()
            .filter(|state| state.behaviour.is_none());
        unscripted.for_each(|state| state.answered = 0);
    }

    /// Remembers a request and says how it is to be answered; the guard counts it as being answered.
    pub(super) fn record(self: &Arc<Self>, received: Received) -> (Behaviour, BeingAnswered) {
        let path = received.path.clone();
        let behaviour = {
            let mut scripts = self.scripts();
            let Scripts { default, paths } = &mut *scripts;
            let state = paths.entry(path.clone()).or_default();
            let number = state.answered;
            state.answered += 1;
            state.received.push(Arc::new(received));
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            state
                .behaviour
                .as_ref()
                .unwrap_or(default)
                .for_request(number)
        };
        self.total.send_modify(|total| *total += 1);
        (
            behaviour,
            BeingAnswered {
                state: Arc::clone(self),
                path,
            },
        )
    }

    pub(super) fn received(&self, path: &str) -> Vec<Arc<Received>> {
        self.scripts()
            .paths
            .get(path)
            .map(|state| state.received.clone())
            .unwrap_or_default()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.scripts()
            .paths
            .get(path)
            .map_or(0, |state| state.received.len())
    }

    pub(super) fn total(&self) -> usize {
        self.scripts()
            .paths
            .values()
            .map(|state| state.received.len())
            .sum()
    }

    pub(super) fn most_at_once(&self, path: &str) -> usize {
        self.scripts()
            .paths
            .get(path)
            .map_or(0, |state| state.most_at_once)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// The number of a new connection, from 1.
    pub(super) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn clear(&self) {
        for state in self.scripts().paths.values_mut() {
            state.received.clear();
            state.most_at_once = state.at_once;
        }
    }

    /// Waits until `condition` holds; it is looked at after every request.
    pub(super) async fn until(&self, condition: impl Fn() -> bool) {
        let mut total = self.total.subscribe();
        // The sender is ours: it cannot be closed while we wait.
        total
            .wait_for(|_| condition())
            .await
            .map(drop)
            .unwrap_or_default();
    }

    /// How many requests each path has had, as text.
    pub(super) fn summary(&self) -> String {
        let scripts = self.scripts();
        let counts: BTreeMap<&str, usize> = scripts
            .paths
            .iter()
            .map(|(path, state)| (path.as_str(), state.received.len()))
            .collect();
        format!("{counts:?} over {} connections", self.connections())
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        // Nothing in here is left half-done by a panic.
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request as being answered until it is dropped.
#[derive(Debug)]
pub(super) struct BeingAnswered {
    state: Arc<State>,
    path: String,
}

impl Drop for BeingAnswered {
    fn drop(&mut self) {
        if let Some(state) = self.state.scripts().paths.get_mut(&self.path) {
            state.at_once -= 1;
        }
    }
}
