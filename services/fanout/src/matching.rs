//! Whether an endpoint receives an event. Pure.
//!
//! *Source* of the rules: Svix. An endpoint receives an event if it is not disabled, has subscribed
//! to the event's type (or to all), and has no channels or one in common with the event; an event
//! without channels never matches an endpoint with channels.

use posthorn_event_schema::{EndpointSnapshot, EventMeta, Mismatch, Verdict};

/// Decides for one endpoint. The first rule that is broken is the reason.
#[must_use]
pub fn verdict(event: &EventMeta, endpoint: &EndpointSnapshot) -> Verdict {
    let reason = if endpoint.disabled {
        Mismatch::Disabled
    } else if !receives_type(event, endpoint) {
        Mismatch::EventType
    } else if !receives_channel(event, endpoint) {
        Mismatch::Channel
    } else {
        return Verdict::Matched;
    };
    Verdict::NotMatched { reason }
}

fn receives_type(event: &EventMeta, endpoint: &EndpointSnapshot) -> bool {
    let types = endpoint.event_types.as_ref();
    types.is_none_or(|types| types.contains(&event.event_type))
}

fn receives_channel(event: &EventMeta, endpoint: &EndpointSnapshot) -> bool {
    let channels = endpoint.channels.as_ref();
    channels.is_none_or(|channels| channels.iter().any(|own| event.channels.contains(own)))
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::{Channel, EventType};

    use super::*;

    fn event(event_type: &str, channels: &[&str]) -> EventMeta {
        let json = format!(
            r#"{{"v":1,"id":"e","organization":"org_1","application":"app_1","type":"{event_type}",
                "accepted_at":0,"retention_hours":1,"channels":{channels:?}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn endpoint(types: Option<&[&str]>, channels: Option<&[&str]>) -> EndpointSnapshot {
        let json = r#"{"v":1,"id":"ep_1","application":"app_1","organization":"org_1","version":1,
            "url":"https://example.com/","secrets":[]}"#;
        let mut endpoint: EndpointSnapshot = serde_json::from_str(json).unwrap();
        let parse_types = |t: &[&str]| t.iter().map(|t| EventType::parse(t).unwrap()).collect();
        let parse_channels = |c: &[&str]| c.iter().map(|c| Channel::parse(c).unwrap()).collect();
        endpoint.event_types = types.map(parse_types);
        endpoint.channels = channels.map(parse_channels);
        endpoint
    }

    fn not(reason: Mismatch) -> Verdict {
        Verdict::NotMatched { reason }
    }

    #[test]
    fn types_and_channels_decide() {
        type Row = (EventMeta, EndpointSnapshot, Verdict);
        let rows: [Row; 7] = [
            (event("a", &[]), endpoint(None, None), Verdict::Matched),
            (
                event("a", &[]),
                endpoint(Some(&["b", "a"]), None),
                Verdict::Matched,
            ),
            (
                event("a.b", &[]),
                endpoint(Some(&["a"]), None),
                not(Mismatch::EventType),
            ),
            (
                event("a", &["x", "y"]),
                endpoint(None, Some(&["y"])),
                Verdict::Matched,
            ),
            (
                event("a", &["x"]),
                endpoint(None, Some(&["y"])),
                not(Mismatch::Channel),
            ),
            (
                event("a", &[]),
                endpoint(None, Some(&["y"])),
                not(Mismatch::Channel),
            ),
            (event("a", &["x"]), endpoint(None, None), Verdict::Matched),
        ];
        for (event, endpoint, expected) in rows {
            assert_eq!(
                verdict(&event, &endpoint),
                expected,
                "{event:?} {endpoint:?}"
            );
        }
    }

    #[test]
    fn a_disabled_endpoint_receives_nothing() {
        let mut disabled = endpoint(None, None);
        disabled.disabled = true;
        assert_eq!(
            verdict(&event("a", &[]), &disabled),
            not(Mismatch::Disabled)
        );
    }
}
