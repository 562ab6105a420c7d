//! The JSON of the public API, in Svix's words and shapes.
//!
//! Only these types are a promise to callers; rows and bus messages are converted by hand, so that
//! a change inside never shows outside by accident.

pub mod access;
pub mod application;
pub mod attempt;
pub mod authentication;
pub mod endpoint;
pub mod endpoint_access;
pub mod endpoint_activity;
pub mod endpoint_oauth;
pub mod endpoint_schedule;
pub mod event_type;
pub mod expunge;
pub mod fleet;
pub mod import;
pub mod inbox;
pub mod list;
pub mod live;
pub mod message;
pub mod operational;
pub mod overview;
pub mod portal_look;
pub mod query;
pub mod replay;
pub mod search;
pub mod server;
pub mod stats;
pub mod task;
pub mod waiting;
pub mod why;

use serde::{Deserialize, Deserializer};

/// Tells a field that is `null` from one that is absent: `Some(None)` and `None`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::application::ApplicationPatch;
    use super::endpoint::EndpointPatch;
    use super::event_type::{EventTypeIn, EventTypePatch};
    use super::list::ListOut;

    #[test]
    fn null_is_told_from_absent() {
        let patch: EndpointPatch =
            serde_json::from_str(r#"{"uid":null,"eventTypes":["a"]}"#).unwrap();
        assert_eq!(patch.uid, Some(None));
        assert_eq!(patch.event_types, Some(Some(vec!["a".to_owned()])));
        assert_eq!((patch.throttle_rate, patch.channels), (None, None));

        let patch: ApplicationPatch = serde_json::from_str(r#"{"rateLimit":null}"#).unwrap();
        assert_eq!((patch.rate_limit, patch.throttle_rate), (Some(None), None));

        let patch: EventTypePatch = serde_json::from_str(r#"{"schemas":null}"#).unwrap();
        assert_eq!((patch.schemas, patch.feature_flag), (Some(None), None));
    }

    #[test]
    fn fields_that_we_do_not_know_are_ignored_and_needed_ones_are_not_made_up() {
        let json = r#"{"name":"a.b","description":"","somethingNew":[1]}"#;
        let read: EventTypeIn = serde_json::from_str(json).unwrap();
        assert_eq!((&*read.name, read.settings.archived), ("a.b", None));
        assert!(serde_json::from_str::<EventTypeIn>(r#"{"name":"a.b"}"#).is_err());
    }

    #[test]
    fn a_page_names_its_neighbours() {
        let json = |items: &[&str], done| {
            let list = ListOut::new(items.to_vec(), done, |item| item);
            serde_json::to_string(&list).unwrap()
        };
        assert_eq!(
            json(&["a", "b"], true),
            r#"{"data":["a","b"],"iterator":"b","prevIterator":"-a","done":true}"#
        );
        assert_eq!(
            json(&[], true),
            r#"{"data":[],"iterator":null,"done":true}"#
        );
    }
}
