//! Work in the background: what is too much for one request.
//!
//! A request stores a task; from then on it will be done, whatever dies next ([`worker`]). A task is
//! done a step at a time, by any process of this service, and the place after each step is stored
//! together with what it has come to so far. A step that is done twice changes nothing: replays name
//! their deliveries by the task, so the same deliveries result.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `worker` | taking tasks, storing steps, the pace |
//! | `replay` | recover, replay-missing and bulk-replay: jobs onto the bus |
//! | `expunge` | removing the bodies of an application's events |
//! | `usage` | counting deliveries by application, events by type |
//! | `pace` | how many jobs per second |

mod expunge;
mod pace;
pub(crate) mod replay;
pub(crate) mod usage;
mod worker;

use http::HeaderMap;
use posthorn_bus::PublishError;
use posthorn_event_schema::{ApplicationId, OrganizationId, TaskId};
use posthorn_public_http::ApiError;
use posthorn_store::StoreError;
use posthorn_store::task::{NewTask, TaskKind, TaskRow, TaskState};
use posthorn_store::task_work::TaskStep;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::state::ApiState;
use crate::{failure, manual_delivery, moment};

pub(crate) use worker::Worker;

/// A task that a request asks for.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: TaskKind,
    pub(crate) organization: &'a OrganizationId,
    pub(crate) application: Option<&'a ApplicationId>,
    pub(crate) parameters: Value,
    /// What to show until there is more.
    pub(crate) data: Value,
    /// What the request is about, beside the kind: the same key elsewhere is another request.
    pub(crate) subject: &'a str,
}

/// Stores a task. A request repeated with its idempotency key finds the task that it has made.
pub(crate) async fn create(
    state: &ApiState,
    headers: &HeaderMap,
    wanted: Wanted<'_>,
) -> Result<TaskRow, ApiError> {
    let at = moment::now();
    let (kind, subject) = (wanted.kind.as_str(), wanted.subject);
    let new = NewTask {
        id: TaskId::generate(at, moment::dice()),
        organization: wanted.organization.clone(),
        application: wanted.application.cloned(),
        kind: wanted.kind,
        parameters: wanted.parameters,
        data: wanted.data,
        request_key: manual_delivery::key(headers).map(|key| format!("{kind} {subject} {key}")),
        at,
    };
    let stored = state.store.create_task(&new).await;
    stored.map_err(|error| failure::store(&error))
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// PostgreSQL: the step is done later.
    #[error("history could not be read or written")]
    Store(#[from] StoreError),
    /// The bus: the step is done later.
    #[error("deliveries could not be queued")]
    Publish(#[from] PublishError),
    /// The task can never be done, for a reason that the caller may know.
    #[error("the task cannot be done: {0}")]
    Impossible(&'static str),
}

/// Reads a task's parameters or cursor, which this service has written.
fn read<T: DeserializeOwned>(value: &Value) -> Result<T, StepError> {
    let unreadable = "it was written by another version of Posthorn";
    serde_json::from_value(value.clone()).map_err(|_shape| StepError::Impossible(unreadable))
}

/// As JSON; types of this module are always representable.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A step after which another follows.
fn going_on(data: &impl Serialize, cursor: &impl Serialize) -> TaskStep {
    TaskStep {
        state: TaskState::Running,
        data: json(data),
        cursor: Some(json(cursor)),
        pause: false,
    }
}

/// The last step.
fn finished(data: &impl Serialize) -> TaskStep {
    TaskStep {
        state: TaskState::Finished,
        data: json(data),
        cursor: None,
        pause: false,
    }
}
