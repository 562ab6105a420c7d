//! Background tasks: rows and queries for those who ask for them.
//!
//! What a task does, and the meaning of its parameters, cursor and data, is the API's; here they
//! are JSON. Doing it is in `task_work`.

use posthorn_event_schema::{ApplicationId, OrganizationId, TaskId, Timestamp};
use serde_json::Value;
use tokio_postgres::Row;

use crate::listing::{Listing, Order};
use crate::{Page, Slice, Store, StoreError, column};

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// Delivers once more what failed at an endpoint.
    Recover,
    /// Delivers what never went to an endpoint and would now.
    ReplayMissing,
    /// Delivers once more what went to an endpoint.
    ReplayAll,
    /// Removes the bodies of an application's events.
    ExpungeBodies,
    /// Counts the deliveries of applications.
    CountDeliveries,
    /// Counts events by their types.
    CountEventTypes,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Recover,
        Self::ReplayMissing,
        Self::ReplayAll,
        Self::ExpungeBodies,
        Self::CountDeliveries,
        Self::CountEventTypes,
    ];

    /// How it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::ReplayMissing => "replay_missing",
            Self::ReplayAll => "replay_all",
            Self::ExpungeBodies => "expunge_bodies",
            Self::CountDeliveries => "count_deliveries",
            Self::CountEventTypes => "count_event_types",
        }
    }

    fn parse(text: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or(())
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Something is left to do.
    Running,
    /// All of it is done.
    Finished,
    /// It cannot be done.
    Failed,
}

impl TaskState {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Running => 0,
            Self::Finished => 1,
            Self::Failed => 2,
        }
    }

    fn from_code(code: i16) -> Result<Self, StoreError> {
        match code {
            0 => Ok(Self::Running),
            1 => Ok(Self::Finished),
            2 => Ok(Self::Failed),
            _ => Err(StoreError::Corrupt { column: "state" }),
        }
    }
}

/// A task as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// Its id.
    pub id: TaskId,
    /// Who asked for it.
    pub organization: OrganizationId,
    /// The application that it is about, if it is about one.
    pub application: Option<ApplicationId>,
    /// What it does.
    pub kind: TaskKind,
    /// Where it stands.
    pub state: TaskState,
    /// What was asked for.
    pub parameters: Value,
    /// What it has come to so far.
    pub data: Value,
    /// Where it goes on; `None` at the beginning.
    pub cursor: Option<Value>,
    /// Nobody works on it until it is resumed.
    pub paused: bool,
    /// Steps that are stored.
    pub step: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last step was stored.
    pub updated_at: Timestamp,
}

/// A task to create.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Its id.
    pub id: TaskId,
    /// Who asks for it.
    pub organization: OrganizationId,
    /// The application that it is about, if it is about one.
    pub application: Option<ApplicationId>,
    /// What it does.
    pub kind: TaskKind,
    /// What is asked for.
    pub parameters: Value,
    /// What to show until the first step is stored.
    pub data: Value,
    /// The request's own name; asking again under it finds the same task.
    pub request_key: Option<String>,
    /// Now.
    pub at: Timestamp,
}

/// Which tasks to list; `None` excludes nothing.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// In this state.
    pub state: Option<TaskState>,
    /// Of this kind.
    pub kind: Option<TaskKind>,
    /// About this application.
    pub application: Option<ApplicationId>,
}

pub(crate) const COLUMNS: &str = "id, organization_id, application_id, kind, state, parameters, \
                                  data, cursor, paused, step, created_at, updated_at";

impl Store {
    /// Creates a task, or finds the one that the same request has made.
    ///
    /// *Guarantee*: after `Ok` the task will be done, whatever dies next.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; asking again under the same key is safe.
    pub async fn create_task(&self, new: &NewTask) -> Result<TaskRow, StoreError> {
        // The update changes nothing: it makes the statement return the row that is there.
        let sql = format!(
            "INSERT INTO background_tasks AS t (id, organization_id, application_id, kind, \
                 parameters, data, request_key, leased_until, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8) \
             ON CONFLICT (organization_id, request_key) WHERE request_key IS NOT NULL \
             DO UPDATE SET request_key = excluded.request_key RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let params: crate::pool::Params<'_> = &[
            &new.id.as_str(),
            &new.organization.as_str(),
            &new.application.as_ref().map(ApplicationId::as_str),
            &new.kind.as_str(),
            &new.parameters,
            &new.data,
            &new.request_key,
            &new.at.to_date_time(),
        ];
        let row = client.query_opt(&sql, params).await?;
        row.as_ref()
            .map_or(Err(StoreError::Corrupt { column: "id" }), read)
    }

    /// Finds a task.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn task(
        &self,
        organization: &OrganizationId,
        id: &TaskId,
    ) -> Result<Option<TaskRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM background_tasks WHERE organization_id = $1 AND id = $2"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &id.as_str()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists tasks by id, which is by age.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_tasks(
        &self,
        organization: &OrganizationId,
        filter: &TaskFilter,
        order: Order,
        page: &Page<TaskId>,
    ) -> Result<Slice<TaskRow>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM background_tasks WHERE organization_id = $1 \
               AND ($4::smallint IS NULL OR state = $4) \
               AND ($5::text IS NULL OR kind = $5) \
               AND ($6::text IS NULL OR application_id = $6)"
        );
        let state = filter.state.map(TaskState::code);
        let kind = filter.kind.map(TaskKind::as_str);
        let application = filter.application.as_ref().map(ApplicationId::as_str);
        let listing = Listing {
            select: &select,
            key: "id",
            scope: organization.as_str(),
            filters: &[&state, &kind, &application],
        };
        let mut client = self.client().await?;
        listing
            .fetch(&mut client, order, page, TaskId::as_str, read)
            .await
    }
}

pub(crate) fn read(row: &Row) -> Result<TaskRow, StoreError> {
    Ok(TaskRow {
        id: column::parsed(row, "id", TaskId::parse)?,
        organization: column::parsed(row, "organization_id", OrganizationId::parse)?,
        application: column::parsed_option(row, "application_id", ApplicationId::parse)?,
        kind: column::parsed(row, "kind", TaskKind::parse)?,
        state: TaskState::from_code(column::get(row, "state")?)?,
        parameters: column::get(row, "parameters")?,
        data: column::get(row, "data")?,
        cursor: column::get(row, "cursor")?,
        paused: column::get(row, "paused")?,
        step: column::get(row, "step")?,
        created_at: column::moment(row, "created_at")?,
        updated_at: column::moment(row, "updated_at")?,
    })
}
