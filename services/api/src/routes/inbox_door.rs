//! Where inboxes receive: any method, from anybody who has the address.
//!
//! Nothing of what is sent here is believed, run or shown to a browser as a page. How much may be under
//! way at one time is bounded, for the process and for each inbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::BytesMut;
use futures::StreamExt;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use posthorn_chassis::metric;
use posthorn_event_schema::attempt_headers::is_sensitive;
use posthorn_public_http::ApiError;
use posthorn_store::inbox::{Answered, NewInboxRequest};
use posthorn_store::token::Digest;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::failure;
use crate::inbox::{self, LIMITS};
use crate::scope::no_entity;
use crate::state::ApiState;

/// Bytes of a body that are kept; the rest is not read.
const MAX_BODY_BYTES: usize = 256 * 1024;
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Headers that are kept, and their bytes.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_PATH_LEN: usize = 1_024;
/// Requests that a process reads and keeps at one time.
const MAX_RECEIVING: usize = 32;
/// Requests that wait for a slow answer at one time.
const MAX_DELAYED: usize = 256;
/// Requests a second that an inbox takes at one process.
const MAX_RATE: u32 = 20;
/// Inboxes whose rates are known; beyond it the count begins anew.
const MAX_RATES: usize = 4_096;
const SECOND: Duration = Duration::from_secs(1);

/// What is under way.
#[derive(Clone)]
pub(crate) struct InboxDoor(Arc<Shared>);

struct Shared {
    receiving: Semaphore,
    delayed: Semaphore,
    rates: Mutex<HashMap<Digest, (Instant, u32)>>,
}

impl Default for InboxDoor {
    fn default() -> Self {
        Self(Arc::new(Shared {
            receiving: Semaphore::new(MAX_RECEIVING),
            delayed: Semaphore::new(MAX_DELAYED),
            rates: Mutex::default(),
        }))
    }
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/in/{token}", any(receive))
        .route("/in/{token}/{*rest}", any(receive))
}

async fn receive(
    State(state): State<ApiState>,
    Path(parts): Path<HashMap<String, String>>,
    request: Request,
) -> Result<Response, ApiError> {
    let token = parts.get("token").filter(|token| inbox::is_token(token));
    let digest = inbox::digest(token.ok_or_else(no_entity)?);
    let rest = parts.get("rest").map_or("", String::as_str);
    let door = &state.inbox_door.0;
    if !door.has_rate(digest, Instant::now()) {
        return Err(too_many("inbox_rate"));
    }
    let answered = {
        let place = door.receiving.try_acquire();
        let _place = place.map_err(|_full| too_many("inbox_requests"))?;
        keep(&state, &digest, rest, request).await?
    };
    if !answered.delay.is_zero() {
        let place = door.delayed.try_acquire();
        let _place = place.map_err(|_full| too_many("inbox_delays"))?;
        sleep(answered.delay).await;
    }
    Ok(answer(answered))
}

async fn keep(
    state: &ApiState,
    token: &Digest,
    rest: &str,
    request: Request,
) -> Result<Answered, ApiError> {
    let (parts, body) = request.into_parts();
    let read = timeout(BODY_DEADLINE, beginning(body)).await;
    let (body, truncated) = read.map_err(|_elapsed| {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "The body did not come in time.",
        )
    })?;
    let new = NewInboxRequest {
        method: parts.method.as_str(),
        path: cut(rest, MAX_PATH_LEN),
        query: parts.uri.query().map(|query| cut(query, MAX_PATH_LEN)),
        headers: &kept_headers(&parts.headers),
        body: &body,
        truncated,
    };
    let received = state.store.receive(token, &new, &LIMITS).await;
    received
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)
}

impl Shared {
    /// Counts a request of this second.
    fn has_rate(&self, inbox: Digest, now: Instant) -> bool {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= MAX_RATES {
            rates.clear();
        }
        let (since, count) = rates.entry(inbox).or_insert((now, 0));
        if now.duration_since(*since) >= SECOND {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MAX_RATE
    }
}

fn too_many(limit: &'static str) -> ApiError {
    metric::Counter::LimitReached.add(1, &[("limit", limit)]);
    let detail = format!("Too many requests at this inbox (limit {limit}), try again later.");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
}

/// The beginning of a body, and whether it went on.
async fn beginning(body: Body) -> (Vec<u8>, bool) {
    let mut kept = BytesMut::new();
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = MAX_BODY_BYTES - kept.len();
        kept.extend_from_slice(&chunk[..room.min(chunk.len())]);
        if chunk.len() > room {
            return (kept.to_vec(), true);
        }
    }
    (kept.to_vec(), false)
}

/// What is kept of headers: without the values that prove who sends.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut bytes = 0;
    let mut kept = Vec::new();
    for (name, value) in headers.iter().take(MAX_HEADERS) {
        let value = match value {
            _ if is_sensitive(name.as_str()) => "***".to_owned(),
            value => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        bytes += name.as_str().len() + value.len();
        if bytes > MAX_HEADER_BYTES {
            break;
        }
        kept.push((name.as_str().to_owned(), value));
    }
    kept
}

fn cut(text: &str, most: usize) -> &str {
    let end = text.floor_char_boundary(most);
    &text[..end]
}

fn answer(answered: Answered) -> Response {
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    if matches!(status.as_u16(), 204 | 205 | 304) {
        return status.into_response();
    }
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, json, r#"{"inbox":"kept"}"#).into_response();
    if matches!(status.as_u16(), 429 | 503) {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_takes_so_many_requests_a_second() {
        let door = InboxDoor::default();
        let (inbox, other) = ([1; 32], [2; 32]);
        let start = Instant::now();
        for _ in 0..MAX_RATE {
            assert!(door.0.has_rate(inbox, start));
        }
        assert!(!door.0.has_rate(inbox, start));
        assert!(door.0.has_rate(other, start));
        assert!(door.0.has_rate(inbox, start + SECOND));
    }

    #[tokio::test]
    async fn of_a_long_body_the_beginning_is_kept() {
        let whole = Body::from(vec![1; MAX_BODY_BYTES]);
        let (kept, truncated) = beginning(whole).await;
        assert_eq!((kept.len(), truncated), (MAX_BODY_BYTES, false));
        let long = Body::from(vec![1; MAX_BODY_BYTES + 1]);
        let (kept, truncated) = beginning(long).await;
        assert_eq!((kept.len(), truncated), (MAX_BODY_BYTES, true));
    }

    #[test]
    fn what_proves_who_sends_is_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
        headers.insert("svix-id", HeaderValue::from_static("msg_1"));
        let kept = kept_headers(&headers);
        assert!(kept.contains(&("svix-id".to_owned(), "msg_1".to_owned())));
        assert!(kept.iter().all(|(_, value)| !value.contains("secret")));
        headers.insert("x-long", HeaderValue::try_from("x".repeat(20_000)).unwrap());
        assert!(kept_headers(&headers).len() < 3);
    }
}
