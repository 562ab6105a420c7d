//! Callbacks: an event that says itself where else its data is to go. Pure.
//!
//! A task that was begun with a `callback_url` tells that address when it has finished or failed: the
//! event's `data`, as it is, unsigned and once. Whoever polls for such tasks needs neither an account
//! nor a secret.
//!
//! A callback is a delivery like any other, recorded and bounded. It has no endpoint, so it gets the
//! id of one that stands for the host it goes to: a host that hangs holds up nobody else.

use std::collections::HashMap;
use std::time::Duration;

use posthorn_event_schema::{DeliveryJob, EndpointId, Event, EventType};
use posthorn_signing::digest::Sha256Digest;
use serde_json::value::RawValue;

use crate::enqueue;

/// Longest callback URL, in bytes; a longer text is taken for something else.
pub const MAX_URL_LEN: usize = 2_048;

/// Which events have callbacks, and where they say so.
#[derive(Debug, Clone)]
pub struct Callbacks {
    /// Types of events; none = there are no callbacks.
    pub event_types: Vec<EventType>,
    /// The field of the event's data.
    pub field: String,
}

impl Callbacks {
    /// The callback that an event asks for.
    #[must_use]
    pub fn job(&self, event: &Event, window: Duration) -> Option<DeliveryJob> {
        if !self.event_types.contains(&event.meta.event_type) {
            return None;
        }
        let data = data(&event.body)?;
        let url = self.url(data)?;
        let mut job = enqueue::job(event, &stand_in(event, &url), window);
        job.body = event.body.slice_ref(data.get().as_bytes());
        job.meta.callback = Some(url);
        Some(job)
    }

    fn url(&self, data: &RawValue) -> Option<String> {
        let fields: HashMap<String, &RawValue> = serde_json::from_str(data.get()).ok()?;
        let url: String = serde_json::from_str(fields.get(&self.field)?.get()).ok()?;
        (!url.is_empty() && url.len() <= MAX_URL_LEN).then_some(url)
    }
}

/// The event's data: what `data` says in an event object, and a payload without it as a whole.
fn data(body: &[u8]) -> Option<&RawValue> {
    let whole: &RawValue = serde_json::from_slice(body).ok()?;
    let fields: HashMap<String, &RawValue> = serde_json::from_str(whole.get()).ok()?;
    let data = fields.get("data").copied();
    Some(
        data.filter(|data| data.get().starts_with('{'))
            .unwrap_or(whole),
    )
}

/// The id that stands for the host, among those of the application.
fn stand_in(event: &Event, url: &str) -> EndpointId {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#', '\\']).next();
    let host = authority.unwrap_or_default().rsplit('@').next();
    let host = host.unwrap_or_default().to_ascii_lowercase();
    let application = event.meta.application.as_str().as_bytes();
    let digest = Sha256Digest::of_parts(&[b"callback", application, host.as_bytes()]).to_hex();
    EndpointId::parse(&format!("{}callback_{}", EndpointId::PREFIX, &digest[..32]))
        .expect("hexadecimal digits are letters of an id")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn job(event_type: &str, body: &'static str) -> Option<DeliveryJob> {
        let meta = format!(
            r#"{{"v":1,"id":"e","organization":"org_1","application":"app_1","type":"{event_type}",
            "accepted_at":0,"retention_hours":1}}"#
        );
        let event = Event {
            meta: serde_json::from_str(&meta).unwrap(),
            body: body.into(),
        };
        let callbacks = Callbacks {
            event_types: vec![EventType::parse("task.completed").unwrap()],
            field: "callback_url".to_owned(),
        };
        callbacks.job(&event, WINDOW)
    }

    #[test]
    fn the_data_goes_to_the_url_in_it_byte_for_byte() {
        let body = r#"{"data":{ "n":1.0, "callback_url":"https://a.example/x?y" },"id":"e","type":"task.completed"}"#;
        let job = job("task.completed", body).unwrap();
        assert_eq!(job.meta.callback.as_deref(), Some("https://a.example/x?y"));
        assert_eq!(
            job.body,
            r#"{ "n":1.0, "callback_url":"https://a.example/x?y" }"#
        );
    }

    #[test]
    fn a_payload_without_data_goes_as_a_whole() {
        let body = r#"{"data":3,"callback_url":"https://a.example/"}"#;
        assert_eq!(job("task.completed", body).unwrap().body, body);
    }

    #[test]
    fn other_events_and_other_texts_have_no_callback() {
        let body = r#"{"data":{"callback_url":"https://a.example/"}}"#;
        assert!(job("task.started", body).is_none());
        for body in [
            r#"{"data":{}}"#,
            r#"{"data":{"callback_url":null}}"#,
            r#"{"data":{"callback_url":""}}"#,
            r#"{"data":{"callback_url":{"a":1}}}"#,
            "[1]",
            "no json",
        ] {
            assert!(job("task.completed", body).is_none(), "{body}");
        }
    }

    #[test]
    fn what_goes_to_one_host_shares_a_stand_in() {
        let to = |body| job("task.completed", body).unwrap().meta.endpoint;
        let one = to(r#"{"callback_url":"https://A.example/1"}"#);
        assert_eq!(one, to(r#"{"callback_url":"http://u:p@a.example/2?z"}"#));
        assert_ne!(one, to(r#"{"callback_url":"https://b.example/1"}"#));
    }
}
