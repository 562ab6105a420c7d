//! Doing background tasks, a step at a time, by any number of processes.
//!
//! Tasks that wait longest come first, so a long one does not hold up the others.

use std::time::Duration;

use posthorn_event_schema::{OrganizationId, TaskId, Timestamp};
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
    /// It goes on only once somebody wants it to.
    pub pause: bool,
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
                         WHERE state = 0 AND NOT paused AND leased_until <= $2 \
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
                     paused = paused OR $7, worker = NULL, leased_until = $6, updated_at = $6 \
                 WHERE id = $1 AND step = $2 AND state = 0",
                &[
                    &before.id.as_str(),
                    &before.step,
                    &step.state.code(),
                    &step.data,
                    &step.cursor,
                    &now.to_date_time(),
                    &step.pause,
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

    /// Pauses a task of an organisation, or lets it go on; one that has ended stays as it is.
    ///
    /// A step that is being done is still stored.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn pause_task(
        &self,
        organization: &OrganizationId,
        id: &TaskId,
        paused: bool,
    ) -> Result<Option<TaskRow>, StoreError> {
        let sql = format!(
            "UPDATE background_tasks SET paused = $3 AND state = 0 \
             WHERE organization_id = $1 AND id = $2 RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &id.as_str(), &paused])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Ends a task of an organisation that has not ended, as failed, with `reason` as the `error` of
    /// its data. A step that is being done is not stored any more.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn cancel_task(
        &self,
        organization: &OrganizationId,
        id: &TaskId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<TaskRow>, StoreError> {
        let sql = format!(
            "UPDATE background_tasks SET \
                 data = CASE WHEN state = 0 THEN data || jsonb_build_object('error', $3::text) \
                             ELSE data END, \
                 updated_at = CASE WHEN state = 0 THEN $4 ELSE updated_at END, \
                 state = CASE WHEN state = 0 THEN $5 ELSE state END, paused = false \
             WHERE organization_id = $1 AND id = $2 RETURNING {COLUMNS}"
        );
        let failed = TaskState::Failed.code();
        let params: crate::pool::Params<'_> = &[
            &organization.as_str(),
            &id.as_str(),
            &reason,
            &now.to_date_time(),
            &failed,
        ];
        let mut client = self.client().await?;
        let row = client.query_opt(&sql, params).await?;
        row.as_ref().map(read).transpose()
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
