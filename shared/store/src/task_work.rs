//! Doing background tasks, a step at a time, by any number of processes.
//!
//! Tasks that wait longest come first, so a long one does not hold up the others.

use std::time::Duration;

use posthorn_event_schema::{TaskId, Timestamp};
use serde_json::Value;

use crate::task::{COLUMNS, TaskRow, TaskState, read};
use crate::{Store, StoreError};

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskStep {
    /// Where the task stands now.
    pub state: TaskState,
    /// What it has come to so far.
    pub data: Value,
    /// Where it goes on.
    pub cursor: Option<Value>,
}

impl Store {
    /// Takes the task that has been due for longest, if one is, for the time of `lease`.
    ///
    /// The lease only saves work: a step that takes longer is done by somebody else, too, and one
    /// of the two is dropped by [`Store::save_task_step`].
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn claim_task(
        &self,
        worker: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<TaskRow>, StoreError> {
        let sql = format!(
            "UPDATE background_tasks SET worker = $1, leased_until = $3 \
             WHERE id = (SELECT id FROM background_tasks \
                         WHERE state = 0 AND leased_until <= $2 \
                         ORDER BY leased_until LIMIT 1 FOR UPDATE SKIP LOCKED) \
             RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let until = now.plus(lease).to_date_time();
        let row = client
            .query_opt(&sql, &[&worker, &now.to_date_time(), &until])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a step on top of the one before it, and gives the task back: it is due at once.
    ///
    /// `false` = another process was faster with this step; nothing was stored.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; the step may have been stored.
    pub async fn save_task_step(
        &self,
        before: &TaskRow,
        step: &TaskStep,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let stored = client
            .execute(
                "UPDATE background_tasks SET step = step + 1, state = $3, data = $4, cursor = $5, \
                     worker = NULL, leased_until = $6, updated_at = $6 \
                 WHERE id = $1 AND step = $2 AND state = 0",
                &[
                    &before.id.as_str(),
                    &before.step,
                    &step.state.code(),
                    &step.data,
                    &step.cursor,
                    &now.to_date_time(),
                ],
            )
            .await?;
        Ok(stored == 1)
    }

    /// Gives back a task that `worker` holds without a step; it is due again at `due`.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; the lease then runs out by itself.
    pub async fn give_back_task(
        &self,
        id: &TaskId,
        worker: &str,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "UPDATE background_tasks SET worker = NULL, leased_until = $3 \
                 WHERE id = $1 AND worker = $2 AND state = 0",
                &[&id.as_str(), &worker, &due.to_date_time()],
            )
            .await?;
        Ok(())
    }

    /// Forgets tasks that ended before `moment`, at most `limit`; says how many.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn forget_tasks(&self, moment: Timestamp, limit: u16) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "DELETE FROM background_tasks WHERE id IN ( \
                     SELECT id FROM background_tasks WHERE state <> 0 AND updated_at < $1 LIMIT $2)",
                &[&moment.to_date_time(), &i64::from(limit)],
            )
            .await
    }
}
