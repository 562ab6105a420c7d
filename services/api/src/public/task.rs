//! Background tasks as callers receive them, and their names in Svix's words.

use posthorn_store::task::{TaskKind, TaskRow, TaskState};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Names of tasks that SDKs know and this build never has.
const NEVER: [&str; 2] = ["message.broadcast", "sdk.generate"];

/// The name of a kind of task.
#[must_use]
pub fn name(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Recover => "endpoint.recover",
        TaskKind::ReplayMissing => "endpoint.replay",
        TaskKind::ReplayAll => "endpoint.bulk-replay",
        TaskKind::ExpungeBodies => "application.purge_content",
        TaskKind::CountDeliveries => "application.stats",
        TaskKind::CountEventTypes => "event-type.aggregate",
    }
}

/// What a filter by name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Tasks of this kind.
    Kind(TaskKind),
    /// Tasks that there never are.
    Nothing,
}

/// Reads the name of a kind of task.
#[must_use]
pub fn named(text: &str) -> Option<Named> {
    let known = TaskKind::ALL.into_iter().find(|kind| name(*kind) == text);
    match known {
        Some(kind) => Some(Named::Kind(kind)),
        None => NEVER.contains(&text).then_some(Named::Nothing),
    }
}

/// The word for a state.
#[must_use]
pub fn status(state: TaskState) -> &'static str {
    match state {
        TaskState::Running => "running",
        TaskState::Finished => "finished",
        TaskState::Failed => "failed",
    }
}

/// Reads a state.
#[must_use]
pub fn state(text: &str) -> Option<TaskState> {
    let states = [TaskState::Running, TaskState::Finished, TaskState::Failed];
    states.into_iter().find(|state| status(*state) == text)
}

/// A task that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOut {
    /// Its id.
    pub id: String,
    /// `running`, `finished` or `failed`.
    pub status: &'static str,
    /// It is running, and goes on only once it is resumed.
    pub paused: bool,
    /// What it does, as one word.
    pub task: &'static str,
    /// When it got on last.
    pub updated_at: String,
}

impl From<&TaskRow> for TaskOut {
    fn from(row: &TaskRow) -> Self {
        Self {
            id: row.id.to_string(),
            status: status(row.state),
            paused: row.paused,
            task: name(row.kind),
            updated_at: row.updated_at.to_rfc3339_micros(),
        }
    }
}

/// A task and what it has come to so far.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackgroundTaskOut {
    /// The task.
    #[serde(flatten)]
    pub task: TaskOut,
    /// What it has come to: counts, or the figures that were asked for.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl From<TaskRow> for BackgroundTaskOut {
    fn from(row: TaskRow) -> Self {
        Self {
            task: TaskOut::from(&row),
            data: row.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_svixs_and_read_back() {
        let names: Vec<_> = TaskKind::ALL.into_iter().map(name).collect();
        let svix = [
            "endpoint.recover",
            "endpoint.replay",
            "endpoint.bulk-replay",
            "application.purge_content",
            "application.stats",
            "event-type.aggregate",
        ];
        assert_eq!(names, svix);
        for kind in TaskKind::ALL {
            assert_eq!(named(name(kind)), Some(Named::Kind(kind)));
        }
        assert_eq!(named("message.broadcast"), Some(Named::Nothing));
        assert_eq!(named("recover"), None);
        assert_eq!(state("finished"), Some(TaskState::Finished));
        assert_eq!(state("done"), None);
    }
}
