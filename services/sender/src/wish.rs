//! What a receiver asks for in its answer. Pure.
//!
//! *Source*: Svix's header `webhook-delivery`, and Standard Webhooks 1.0.0 for status 410.
//!
//! `disable` counts on any answer, also on a success: whoever says it wants no further request, and
//! the delivery that was taken stays delivered. `abort-message` counts only on a failure, because
//! after a success nothing is left to end.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use posthorn_event_schema::Wish;

use crate::answer::Answer;
use crate::classify;

/// How long the owner holds back an endpoint that is to be disabled: recorder and api need a second
/// or two for it. What is due after that is kept in any case ([`crate::withdrawn`]).
pub(crate) const HOLD: Duration = Duration::from_secs(3);

const HEADER: HeaderName = HeaderName::from_static("webhook-delivery");

/// What the header asks for. Of several values the one that asks for most counts; what is not
/// known says nothing.
#[must_use]
pub fn of_headers(headers: &HeaderMap) -> Option<Wish> {
    let lines = headers.get_all(HEADER);
    let values = lines.iter().filter_map(|line| line.to_str().ok());
    let values = values.flat_map(|line| line.split(','));
    values.filter_map(|value| parse(value.trim())).max()
}

fn parse(value: &str) -> Option<Wish> {
    if value.eq_ignore_ascii_case("abort-message") {
        Some(Wish::AbortMessage)
    } else if value.eq_ignore_ascii_case("disable") {
        Some(Wish::Disable)
    } else {
        None
    }
}

/// What an answer asks for.
#[must_use]
pub fn of(answer: &Answer) -> Option<Wish> {
    let Answer::Http { status, wish, .. } = answer else {
        return None;
    };
    if *status == StatusCode::GONE.as_u16() {
        return Some(Wish::Gone);
    }
    wish.filter(|wish| wish.disables() || classify::failure(answer).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Kept;

    fn wish(status: u16, lines: &[&'static str]) -> Option<Wish> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, line.parse().unwrap());
        }
        of(&Answer::Http {
            status,
            body: Kept::default(),
            retry_after: None,
            wish: of_headers(&headers),
        })
    }

    #[test]
    fn what_an_answer_asks_for() {
        for (status, lines, expected) in [
            (500, &["abort-message"][..], Some(Wish::AbortMessage)),
            (404, &[" Abort-Message "], Some(Wish::AbortMessage)),
            (302, &["DISABLE"], Some(Wish::Disable)),
            (200, &["disable"], Some(Wish::Disable)),
            (200, &["abort-message"], None),
            (410, &[], Some(Wish::Gone)),
            (410, &["abort-message"], Some(Wish::Gone)),
            (500, &["abort-message, disable"], Some(Wish::Disable)),
            (500, &["abort-message", "disable"], Some(Wish::Disable)),
            (500, &["please-stop", ""], None),
            (500, &[], None),
        ] {
            assert_eq!(wish(status, lines), expected, "{status} {lines:?}");
        }
        let words = "connection refused".to_owned();
        let class = posthorn_event_schema::FailureClass::Refused;
        assert_eq!(of(&Answer::Failed { class, words }), None);
    }
}
