//! Replays: deliveries that a person asks for, of many events to one endpoint.
//!
//! First the events are counted, a span of time per step, so that `data` tells how many there are
//! before any is delivered; a preview pauses there. Then they are delivered, oldest first, a page per
//! step.
//!
//! *Guarantee*: the place is stored after each page, and a page that is published once more names
//! the same deliveries: JetStream drops them for as long as it remembers, and afterwards history
//! knows them ([`Replay`]). Shown by `a_killed_api_goes_on_with_a_recovery_and_repeats_nothing`.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use posthorn_bus::PublishError;
use posthorn_event_schema::{ApplicationId, Channel, EndpointId, EventId, EventType, Timestamp};
use posthorn_store::endpoint::{EndpointRef, EndpointRow};
use posthorn_store::history::{
    Body, Content, DeliveryState, Fate, Replay, ReplayEvent, ReplayPosition,
};
use posthorn_store::task::{TaskKind, TaskRow};
use posthorn_store::task_work::TaskStep;
use serde::{Deserialize, Serialize};

use super::worker::Worker;
use super::{StepError, finished, going_on, read};
use crate::{manual_delivery, moment};

/// How much of history one statement looks through: a day and the next, two partitions.
const SPAN: Duration = Duration::from_secs(24 * 3_600);
/// Events that are read and published at one time; their bodies are in memory.
const CONCURRENT: usize = 4;

/// What was asked for, as the task keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Parameters {
    pub(crate) endpoint: EndpointId,
    /// Events accepted from here on,
    pub(crate) since: Timestamp,
    /// and before this.
    pub(crate) until: Timestamp,
    #[serde(default)]
    pub(crate) event_types: Vec<EventType>,
    #[serde(default)]
    pub(crate) channels: Vec<Channel>,
    #[serde(default)]
    pub(crate) tag: Option<String>,
    /// States of deliveries, by their words; empty = any.
    #[serde(default)]
    pub(crate) states: Vec<String>,
    #[serde(default)]
    pub(crate) status_class: Option<u8>,
    /// Count the events, and then wait for somebody to say that they are to be delivered.
    #[serde(default)]
    pub(crate) preview: bool,
}

/// What a replay has come to, as callers see it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// Events to deliver; `None` until they are counted.
    pub(crate) total: Option<i64>,
    /// Deliveries that were queued.
    pub(crate) sent: u64,
    /// Events whose payload was gone.
    pub(crate) without_payload: u64,
}

/// Where a replay goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum Cursor {
    Counting {
        from: Timestamp,
        found: i64,
    },
    Sending {
        at: Timestamp,
        event: Option<EventId>,
    },
}

/// Does the next step of a replay.
pub(super) async fn step(worker: &Worker, task: &TaskRow) -> Result<TaskStep, StepError> {
    let parameters: Parameters = read(&task.parameters)?;
    let application = task.application.as_ref();
    let application = application.ok_or(StepError::Impossible("it names no application"))?;
    let endpoint = live_endpoint(worker, application, &parameters.endpoint).await?;
    let replay = replay(task, application, endpoint, &parameters);
    let cursor = match &task.cursor {
        Some(cursor) => read(cursor)?,
        None => Cursor::Counting {
            from: parameters.since,
            found: 0,
        },
    };
    match cursor {
        Cursor::Counting { from, found } => count(worker, &replay, &parameters, from, found).await,
        Cursor::Sending { at, event } => {
            let counts = read(&task.data)?;
            let from = ReplayPosition { at, event };
            send(worker, &replay, &parameters, from, counts).await
        }
    }
}

async fn live_endpoint(
    worker: &Worker,
    application: &ApplicationId,
    id: &EndpointId,
) -> Result<EndpointRow, StepError> {
    let reference = EndpointRef::Id(id.clone());
    let found = worker.store.endpoint(application, &reference).await?;
    found.ok_or(StepError::Impossible("the endpoint was deleted"))
}

/// What to look for. What an endpoint has missed follows from what it is subscribed to now.
fn replay(
    task: &TaskRow,
    application: &ApplicationId,
    endpoint: EndpointRow,
    parameters: &Parameters,
) -> Replay {
    let delivery = |states: Vec<DeliveryState>| Fate::Delivery {
        states,
        status_class: parameters.status_class,
    };
    let (event_types, channels, fate) = match task.kind {
        TaskKind::ReplayMissing => (
            endpoint.settings.event_types.unwrap_or_default(),
            endpoint.settings.channels.unwrap_or_default(),
            Fate::NotMatched,
        ),
        TaskKind::Recover => {
            let lost = vec![DeliveryState::Exhausted, DeliveryState::Cancelled];
            (Vec::new(), Vec::new(), delivery(lost))
        }
        _ => {
            let wanted = |state: &DeliveryState| {
                let word = state.as_str();
                parameters.states.iter().any(|wanted| wanted == word)
            };
            let states = ALL_STATES.into_iter().filter(wanted).collect();
            let types = parameters.event_types.clone();
            (types, parameters.channels.clone(), delivery(states))
        }
    };
    Replay {
        application: application.clone(),
        endpoint: endpoint.id,
        run: task.id.run(),
        event_types,
        channels,
        tag: parameters.tag.clone(),
        fate,
    }
}

const ALL_STATES: [DeliveryState; 5] = [
    DeliveryState::Pending,
    DeliveryState::Waiting,
    DeliveryState::Cancelled,
    DeliveryState::Exhausted,
    DeliveryState::Delivered,
];

async fn count(
    worker: &Worker,
    replay: &Replay,
    parameters: &Parameters,
    from: Timestamp,
    found: i64,
) -> Result<TaskStep, StepError> {
    let end = parameters.until.min(from.plus(SPAN));
    let found = found + worker.store.count_replay(replay, from, end).await?;
    if end < parameters.until {
        let cursor = Cursor::Counting { from: end, found };
        return Ok(going_on(&Counts::default(), &cursor));
    }
    let counts = Counts {
        total: Some(found),
        ..Counts::default()
    };
    let cursor = Cursor::Sending {
        at: parameters.since,
        event: None,
    };
    Ok(TaskStep {
        pause: parameters.preview,
        ..going_on(&counts, &cursor)
    })
}

async fn send(
    worker: &Worker,
    replay: &Replay,
    parameters: &Parameters,
    from: ReplayPosition,
    mut counts: Counts,
) -> Result<TaskStep, StepError> {
    let end = parameters.until.min(from.at.plus(SPAN));
    let found = worker.store.replay_events(replay, &from, end, worker.page);
    let found = found.await?;
    // Collected first: the stream borrows no closure then, and its future stays `Send`.
    let jobs: Vec<_> = found
        .iter()
        .map(|event| deliver(worker, replay, event))
        .collect();
    let sent: Vec<bool> = stream::iter(jobs)
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    for sent in sent {
        counts.sent += u64::from(sent);
        counts.without_payload += u64::from(!sent);
    }
    let full = found.len() >= usize::from(worker.page);
    let cursor = match found.into_iter().last() {
        Some(last) if full => Cursor::Sending {
            at: last.at,
            event: Some(last.id),
        },
        _ if end < parameters.until => Cursor::Sending {
            at: end,
            event: None,
        },
        _ => return Ok(finished(&counts)),
    };
    Ok(going_on(&counts, &cursor))
}

/// Queues one delivery; `false` when there is nothing to deliver any more.
async fn deliver(worker: &Worker, replay: &Replay, event: &ReplayEvent) -> Result<bool, StepError> {
    if event.done {
        // Before a crash: this page is done once more.
        return Ok(true);
    }
    let found = worker
        .store
        .event(&replay.application, &event.id, Content::Read);
    let Some(mut event) = found.await? else {
        return Ok(false);
    };
    let Body::Bytes(body) = std::mem::replace(&mut event.body, Body::Skipped) else {
        return Ok(false);
    };
    worker.pace.turn().await;
    let (endpoint, run) = (&replay.endpoint, &replay.run);
    let mut job = manual_delivery::job(&event, body, endpoint, run, moment::now());
    job.meta.bulk = true;
    match worker.bus.publish_job(&job).await {
        Ok(_stored) => Ok(true),
        Err(PublishError::TooLarge(_)) => {
            tracing::error!(posthorn.event.id = %event.id, "event is too large to be replayed");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
