//! Removing the bodies of all events that an application has.

use posthorn_event_schema::{EventId, Timestamp};
use posthorn_store::history::ReplayPosition;
use posthorn_store::task::TaskRow;
use posthorn_store::task_work::TaskStep;
use serde::{Deserialize, Serialize};

use super::worker::Worker;
use super::{StepError, finished, going_on, read};

/// Events per step.
const PAGE: u16 = 500;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Counts {
    expunged: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cursor {
    at: Timestamp,
    event: Option<EventId>,
}

/// Removes a page of bodies, up to the moment that the task was asked for.
pub(super) async fn step(worker: &Worker, task: &TaskRow) -> Result<TaskStep, StepError> {
    let application = task.application.as_ref();
    let application = application.ok_or(StepError::Impossible("it names no application"))?;
    let mut counts: Counts = read(&task.data)?;
    let from = match &task.cursor {
        Some(cursor) => {
            let Cursor { at, event } = read(cursor)?;
            ReplayPosition { at, event }
        }
        None => ReplayPosition {
            at: Timestamp::default(),
            event: None,
        },
    };
    let page = worker
        .store
        .expunge_bodies(application, &from, task.created_at, PAGE);
    let (expunged, last) = page.await?;
    counts.expunged += expunged;
    Ok(match last {
        Some(ReplayPosition { at, event }) => going_on(&counts, &Cursor { at, event }),
        None => finished(&counts),
    })
}
