//! What the demo says. Pure: facts in, text out.

use std::fmt::Write;

use axum::http::StatusCode;
use standardwebhooks::WebhookError;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    producer::Published,
    receiver::{Delivery, Role},
};
use crate::rest::Attempt;

/// The endpoints of the demo, by role.
#[derive(Default)]
pub(super) struct Report {
    endpoints: Vec<(Role, String)>,
}

impl Report {
    pub(super) fn add(&mut self, role: Role, endpoint: String) {
        self.endpoints.push((role, endpoint));
    }

    /// The id of a role's endpoint.
    pub(super) fn endpoint(&self, role: Role) -> &str {
        let mut all = self.endpoints.iter();
        all.find(|(of, _)| *of == role).map_or("", |(_, id)| id)
    }

    /// The attempts as the history has them, the oldest first.
    pub(super) fn history(&self, event: &str, attempts: &[Attempt]) -> String {
        let mut text = format!("\n[demo] the history of {event}, read from the REST API:");
        for attempt in attempts {
            let mut all = self.endpoints.iter();
            let known = all.find(|(_, id)| *id == attempt.endpoint_id);
            let name = known.map_or(attempt.endpoint_id.as_str(), |(role, _)| role.name());
            let Attempt {
                timestamp,
                response_status_code,
                response_duration_ms,
                ..
            } = attempt;
            let took = format!("{response_duration_ms} ms");
            let status = &attempt.status_text;
            line(
                &mut text,
                format_args!(
                    "{name:<11} {timestamp:<29} {response_status_code:<5} {took:<8} {status}"
                ),
            );
        }
        text
    }
}

/// A receiver and the endpoint that leads to it.
pub(super) fn endpoint(role: Role, url: &str, endpoint: &str) -> String {
    let habit = match role {
        Role::Healthy => "answers 200",
        Role::Recovering => "answers 503 twice, then 200",
    };
    format!("[demo] endpoint {endpoint} leads to {url}, which {habit}")
}

/// What was published, and where it is stored.
pub(super) fn published(published: &Published) -> String {
    let Published {
        subject,
        body,
        stream,
        sequence,
    } = published;
    format!(
        "\n[demo] published on NATS subject {subject}, stored as message {sequence} of stream \
         {stream}:\n  {body}"
    )
}

/// One delivery as its receiver has seen it, the body byte for byte.
pub(super) fn delivery(
    role: Role,
    delivery: &Delivery<'_>,
    verified: &Result<(), WebhookError>,
    body: &[u8],
    answer: StatusCode,
) -> String {
    let Delivery {
        prefix,
        id,
        timestamp,
        signature,
    } = delivery;
    let mut text = format!("\n[demo] POST /{} received, answered {answer}", role.name());
    line(&mut text, format_args!("{prefix}id: {id}"));
    line(&mut text, format_args!("{prefix}timestamp: {timestamp}"));
    line(&mut text, format_args!("{prefix}signature: {signature}"));
    match verified {
        Ok(()) => line(
            &mut text,
            format_args!("signature verified by the standardwebhooks library"),
        ),
        Err(reason) => line(&mut text, format_args!("SIGNATURE NOT VERIFIED: {reason}")),
    }
    line(&mut text, format_args!("body, {} bytes:", body.len()));
    line(&mut text, format_args!("{}", String::from_utf8_lossy(body)));
    text
}

/// When a failed delivery is tried again.
pub(super) fn next_attempt(role: Role, next: OffsetDateTime, wait: time::Duration) -> String {
    let time = next
        .format(&Rfc3339)
        .unwrap_or_else(|_beyond_year_9999| next.to_string());
    let seconds = wait.as_seconds_f64().max(0.0);
    format!(
        "\n[demo] the history says: next attempt at the {} endpoint {time}, in {seconds:.1} s",
        role.name()
    )
}

/// Adds an indented line.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    write!(text, "\n  {content}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_delivery_is_shown_byte_for_byte() {
        let seen = Delivery {
            prefix: "svix-",
            id: "event_1",
            timestamp: "1764000000",
            signature: "v1,x",
        };
        let body = br#"{"data":{ "a" : 1.0 }}"#;
        let text = delivery(Role::Healthy, &seen, &Ok(()), body, StatusCode::OK);
        let expected = "\n[demo] POST /healthy received, answered 200 OK\n  svix-id: event_1\n  \
            svix-timestamp: 1764000000\n  svix-signature: v1,x\n  signature verified by the \
            standardwebhooks library\n  body, 22 bytes:\n  {\"data\":{ \"a\" : 1.0 }}";
        assert_eq!(text, expected);
        let refused = Err(WebhookError::InvalidSignature);
        let text = delivery(
            Role::Healthy,
            &seen,
            &refused,
            body,
            StatusCode::UNAUTHORIZED,
        );
        assert!(text.contains("NOT VERIFIED: signature invalid"), "{text}");
    }

    #[test]
    fn the_history_names_endpoints_by_their_role() {
        let mut report = Report::default();
        report.add(Role::Recovering, "ep_2".to_owned());
        assert_eq!(
            (
                report.endpoint(Role::Recovering),
                report.endpoint(Role::Healthy)
            ),
            ("ep_2", "")
        );
        let attempt = |endpoint: &str| Attempt {
            endpoint_id: endpoint.to_owned(),
            timestamp: "2026-11-23T17:00:00.000000Z".to_owned(),
            response_status_code: 503,
            response_duration_ms: 4,
            status: 2,
            status_text: "fail".to_owned(),
        };
        let text = report.history("event_1", &[attempt("ep_2"), attempt("ep_3")]);
        assert!(
            text.contains("\n  recovering  2026-11-23T17:00:00.000000Z"),
            "{text}"
        );
        assert!(text.contains("503   4 ms     fail\n  ep_3 "), "{text}");
    }

    #[test]
    fn the_next_attempt_has_a_time_and_a_wait() {
        let next = datetime!(2026-11-23 17:00:05.5 UTC);
        let text = next_attempt(Role::Recovering, next, time::Duration::milliseconds(4_940));
        assert!(text.ends_with("2026-11-23T17:00:05.5Z, in 4.9 s"), "{text}");
    }
}
