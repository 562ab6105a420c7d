//! Takes tasks that are due and does a step of each, as long as the process runs.
//!
//! Several processes do this at once: a lease keeps them apart, and a step is stored only on top of
//! the one before it, so that nothing counts twice even when a lease ran out. Tasks take turns, step
//! by step, so that a long one holds up no other.

use std::time::Duration;

use posthorn_bus::Bus;
use posthorn_chassis::{Shutdown, entropy, error_chain};
use posthorn_store::task::{TaskKind, TaskRow, TaskState};
use posthorn_store::task_work::TaskStep;
use posthorn_store::{Store, StoreError};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::pace::Pace;
use super::{StepError, expunge, replay, usage};
use crate::moment;

/// Pause before another look when nothing was due.
const IDLE: Duration = Duration::from_millis(250);
/// Pause after a failure of ours, and before a step that failed is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Longer than a step takes unless something is wrong; after a kill, the wait until others go on.
const LEASE: Duration = Duration::from_secs(15);
/// How long tasks that ended can be looked up.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Pause between two rounds of forgetting.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Tasks forgotten in a round.
const FORGOTTEN: u16 = 1_000;

/// Does tasks.
pub(crate) struct Worker {
    pub(super) store: Store,
    pub(super) bus: Bus,
    pub(super) pace: Pace,
    /// Jobs that a step publishes at most: about a second's worth.
    pub(super) page: u16,
    name: String,
    shutdown: Shutdown,
}

impl Worker {
    /// Makes a worker that publishes at most `rate` jobs per second.
    pub(crate) fn new(store: Store, bus: Bus, rate: u32, shutdown: Shutdown) -> Self {
        let name = entropy::bytes::<8>().map(|byte| format!("{byte:02x}"));
        Self {
            store,
            bus,
            pace: Pace::per_second(rate),
            page: u16::try_from(rate.clamp(1, 200)).unwrap_or(200),
            name: name.concat(),
            shutdown,
        }
    }

    /// Does tasks until shutdown.
    pub(crate) async fn run(self) {
        let mut forget_at = Instant::now();
        while !self.shutdown.is_requested() {
            if forget_at <= Instant::now() {
                self.forget().await;
                forget_at = Instant::now() + FORGET_EVERY;
            }
            let pause = self.turn().await;
            tokio::select! {
                () = self.shutdown.requested() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Does one step of one task; says how long to pause.
    async fn turn(&self) -> Duration {
        match self.claim_and_do().await {
            Ok(true) => Duration::ZERO,
            Ok(false) => IDLE,
            Err(error) => {
                let reason = error_chain::chain(&error);
                tracing::warn!(reason, "background tasks wait for the database");
                RETRY
            }
        }
    }

    async fn claim_and_do(&self) -> Result<bool, StoreError> {
        let claimed = self.store.claim_task(&self.name, moment::now(), LEASE);
        let Some(task) = claimed.await? else {
            return Ok(false);
        };
        let done = tokio::select! {
            done = self.step(&task) => done,
            // Half a step does no harm; whoever goes on does it anew.
            () = self.shutdown.requested() => {
                let now = moment::now();
                self.store.give_back_task(&task.id, &self.name, now).await?;
                return Ok(false);
            }
        };
        self.settle(&task, done).await?;
        Ok(true)
    }

    async fn step(&self, task: &TaskRow) -> Result<TaskStep, StepError> {
        match task.kind {
            TaskKind::Recover | TaskKind::ReplayMissing | TaskKind::ReplayAll => {
                replay::step(self, task).await
            }
            TaskKind::ExpungeBodies => expunge::step(self, task).await,
            TaskKind::CountDeliveries => usage::deliveries(self, task).await,
            TaskKind::CountEventTypes => usage::event_types(self, task).await,
        }
    }

    async fn settle(
        &self,
        task: &TaskRow,
        done: Result<TaskStep, StepError>,
    ) -> Result<(), StoreError> {
        let step = match done {
            Ok(step) => step,
            Err(StepError::Impossible(reason)) => failed(task, reason),
            Err(error) => {
                let reason = error_chain::chain(&error);
                tracing::warn!(task.id = %task.id, reason, "background task goes on later");
                let due = moment::now().plus(RETRY);
                return self.store.give_back_task(&task.id, &self.name, due).await;
            }
        };
        let stored = self.store.save_task_step(task, &step, moment::now());
        if stored.await? && step.state != TaskState::Running {
            let (kind, state) = (task.kind.as_str(), step.state);
            tracing::info!(task.id = %task.id, kind, ?state, "background task ended");
        }
        Ok(())
    }

    async fn forget(&self) {
        let ended_before = moment::now().minus(KEPT);
        if let Err(error) = self.store.forget_tasks(ended_before, FORGOTTEN).await {
            let reason = error_chain::chain(&error);
            tracing::warn!(reason, "old background tasks not forgotten, trying later");
        }
    }
}

/// The end of a task that cannot be done, with the reason beside what it had come to.
fn failed(task: &TaskRow, reason: &'static str) -> TaskStep {
    let mut data = task.data.clone();
    match &mut data {
        Value::Object(members) => drop(members.insert("error".to_owned(), json!(reason))),
        other => *other = json!({"error": reason}),
    }
    TaskStep {
        state: TaskState::Failed,
        data,
        cursor: None,
        pause: false,
    }
}
