//! Finding what a path names, in the words that callers use: ids, uids, a producer's own keys.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EventId, ProducerKey};
use posthorn_public_http::ApiError;
use posthorn_store::StoreError;
use posthorn_store::endpoint::{EndpointRef, EndpointRow};
use posthorn_store::history::{Content, StoredEvent};
use tokio::time::Instant;

use crate::scope::no_entity;
use crate::state::ApiState;
use crate::{failure, moment};

/// An id younger than this may be on its way to history; also how far clocks may differ.
const FRESH: Duration = Duration::from_secs(60);
/// Pause between two looks for a fresh message: a recorder's batch takes about 100 ms.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Finds a message by its id, or by the producer's key (`eventId`).
///
/// A message that was created this instant is waited for, at most `fresh_message_wait`: its id was
/// handed out as soon as the bus had it, and the recorder writes it down moments later.
///
/// # Errors
/// 404 when there is none; as [`failure::store`] when PostgreSQL does not answer.
pub(crate) async fn message(
    state: &ApiState,
    application: &ApplicationId,
    name: &str,
    content: Content,
) -> Result<StoredEvent, ApiError> {
    let wait = state.config.fresh_message_wait;
    let found = find(state, application, name, content, wait).await;
    found
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)
}

/// As [`message`], `None` when there is none, and without waiting for a fresh one.
///
/// # Errors
/// As [`failure::store`] when PostgreSQL does not answer.
pub(crate) async fn message_now(
    state: &ApiState,
    application: &ApplicationId,
    name: &str,
    content: Content,
) -> Result<Option<StoredEvent>, ApiError> {
    let found = find(state, application, name, content, Duration::ZERO).await;
    found.map_err(|error| failure::store(&error))
}

async fn find(
    state: &ApiState,
    application: &ApplicationId,
    name: &str,
    content: Content,
    fresh_wait: Duration,
) -> Result<Option<StoredEvent>, StoreError> {
    if let Ok(id) = EventId::parse(name)
        && let Some(event) = by_id(state, application, &id, content, fresh_wait).await?
    {
        return Ok(Some(event));
    }
    match ProducerKey::parse(name) {
        Ok(key) => state.store.event_by_key(application, &key, content).await,
        Err(_no_key) => Ok(None),
    }
}

async fn by_id(
    state: &ApiState,
    application: &ApplicationId,
    id: &EventId,
    content: Content,
    fresh_wait: Duration,
) -> Result<Option<StoredEvent>, StoreError> {
    let wait = if is_fresh(id) {
        fresh_wait
    } else {
        Duration::ZERO
    };
    let give_up = Instant::now() + wait;
    loop {
        let found = state.store.event(application, id, content).await?;
        if found.is_some() || Instant::now() >= give_up {
            return Ok(found);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn is_fresh(id: &EventId) -> bool {
    let now = moment::now();
    id.moment()
        .is_some_and(|made| made > now.minus(FRESH) && made < now.plus(FRESH))
}

/// Finds a live endpoint by id or uid.
///
/// # Errors
/// 404 when there is none; as [`failure::store`] when PostgreSQL does not answer.
pub(crate) async fn endpoint(
    state: &ApiState,
    application: &ApplicationId,
    name: &str,
) -> Result<EndpointRow, ApiError> {
    let reference = EndpointRef::parse(name).map_err(|_no_name| no_entity())?;
    let found = state.store.endpoint(application, &reference).await;
    found
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)
}
