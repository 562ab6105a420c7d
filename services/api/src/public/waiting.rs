//! What waits for another attempt, as callers receive it.

use posthorn_event_schema::Timestamp;
use posthorn_store::endpoint::EndpointRow;
use posthorn_store::history::{Calendar, WaitingAt, WaitingDelivery, WaitingEndpoint};
use serde::Serialize;
use utoipa::ToSchema;

use super::overview::EndpointShown;

/// When and where attempts are to come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingOut {
    /// Now: where the first bucket begins.
    pub at: String,
    /// Where the last bucket ends.
    pub until: String,
    /// Length of a bucket.
    pub bucket_seconds: u64,
    /// All deliveries with another attempt to come.
    pub total: i64,
    /// Those due for more than a minute, which are in no bucket.
    pub past_due: i64,
    /// Those due after the last bucket.
    pub later: i64,
    /// In the order of time, empty ones too.
    pub buckets: Vec<WaitingBucketOut>,
    /// The endpoints that most deliveries wait for.
    pub endpoints: Vec<WaitingEndpointOut>,
    /// There are more endpoints.
    pub more_endpoints: bool,
}

/// What is due in a bucket.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingBucketOut {
    /// Where it begins.
    pub at: String,
    /// How many attempts.
    pub count: i64,
}

/// What waits for an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingEndpointOut {
    /// The application.
    pub app_id: String,
    /// The endpoint.
    pub endpoint_id: String,
    /// Where it receives.
    pub url: Option<String>,
    /// What people note about it.
    pub description: Option<String>,
    /// It receives nothing for now, or was deleted.
    pub disabled: Option<bool>,
    /// How many deliveries.
    pub count: i64,
    /// Those due for more than a minute.
    pub past_due: i64,
    /// When the first is due.
    pub next_attempt_at: String,
    /// When the last is due.
    pub last_attempt_at: String,
}

impl WaitingEndpointOut {
    fn new(waiting: &WaitingEndpoint, rows: &[EndpointRow]) -> Self {
        let row = rows.iter().find(|row| row.id == waiting.endpoint);
        let shown = row.map(EndpointShown::of);
        Self {
            app_id: waiting.application.to_string(),
            endpoint_id: waiting.endpoint.to_string(),
            url: shown.as_ref().map(|shown| shown.url.clone()),
            disabled: shown.as_ref().map(|shown| shown.disabled),
            description: shown.map(|shown| shown.description),
            count: waiting.count,
            past_due: waiting.past_due,
            next_attempt_at: waiting.first.to_rfc3339_micros(),
            last_attempt_at: waiting.last.to_rfc3339_micros(),
        }
    }
}

impl WaitingOut {
    pub(crate) fn new(
        now: Timestamp,
        step: std::time::Duration,
        calendar: &Calendar,
        rows: &[EndpointRow],
    ) -> Self {
        let begin = |place: u32| now.plus(step * place).to_rfc3339_micros();
        let count = u32::try_from(calendar.buckets.len()).unwrap_or(u32::MAX);
        let bucket = |(count, place): (&i64, u32)| WaitingBucketOut {
            at: begin(place),
            count: *count,
        };
        let endpoints = calendar.endpoints.iter();
        Self {
            at: begin(0),
            until: begin(count),
            bucket_seconds: step.as_secs(),
            total: calendar.total,
            past_due: calendar.past_due,
            later: calendar.later,
            buckets: calendar.buckets.iter().zip(0..).map(bucket).collect(),
            endpoints: endpoints
                .map(|waiting| WaitingEndpointOut::new(waiting, rows))
                .collect(),
            more_endpoints: calendar.more_endpoints,
        }
    }
}

/// A delivery that waits for its next attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingDeliveryOut {
    /// Its place in the list.
    pub id: String,
    /// The message.
    pub msg_id: String,
    /// What kind of message it is, if that is known.
    pub event_type: Option<String>,
    /// Attempts so far.
    pub attempts: u16,
    /// When the next one is due.
    pub next_attempt: String,
    /// When the message was accepted.
    pub accepted_at: String,
}

impl From<WaitingDelivery> for WaitingDeliveryOut {
    fn from(delivery: WaitingDelivery) -> Self {
        Self {
            id: place(&delivery.at),
            msg_id: delivery.event.to_string(),
            event_type: delivery.event_type.map(|kind| kind.to_string()),
            attempts: delivery.attempts,
            next_attempt: delivery.at.next_attempt_at.to_rfc3339_micros(),
            accepted_at: delivery.accepted_at.to_rfc3339_micros(),
        }
    }
}

/// A place in the list as text: when, and which delivery.
fn place(at: &WaitingAt) -> String {
    format!("{}_{}", at.next_attempt_at.as_unix_micros(), at.delivery)
}

/// Reads a place in the list.
pub(crate) fn parse_place(text: &str) -> Result<WaitingAt, ()> {
    let (micros, delivery) = text.split_once('_').ok_or(())?;
    let micros = micros.parse().map_err(|_no_number| ())?;
    if delivery.is_empty() || delivery.contains('\0') {
        return Err(());
    }
    Ok(WaitingAt {
        next_attempt_at: Timestamp::from_unix_micros(micros),
        delivery: delivery.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_others_are_refused() {
        let at = WaitingAt {
            next_attempt_at: Timestamp::from_unix_micros(1_700_000_000_000_001),
            delivery: "msg_1.ep_2".to_owned(),
        };
        assert_eq!(parse_place(&place(&at)), Ok(at));
        for bad in ["", "1", "_", "1_", "x_msg", "1_a\0"] {
            assert_eq!(parse_place(bad), Err(()), "{bad:?}");
        }
    }
}
