//! When a request is tried again: pure.

use std::time::Duration;

/// How often a request is tried at most.
const TRIES: u32 = 7;
/// The same when the server fails at it: that may be the object's fault, and others can go on.
const TRIES_AFTER_500: u32 = 5;
/// The wait after the first failure; it doubles.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of our own.
const LONGEST: Duration = Duration::from_secs(20);
/// The longest wait that a server may ask for; beyond it somebody should know.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Whether a status says that the same request may succeed later.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 423 | 425 | 429 | 500 | 502..=504)
}

/// How long to wait after so many failures, the last one with this status; `None` = give up.
///
/// `asked` is the server's `Retry-After`, `dice` a random number from 0 to 1: it lengthens the wait
/// by up to a quarter, so that requests that failed together do not come back together.
pub(super) fn wait(
    failures: u32,
    status: Option<u16>,
    asked: Option<Duration>,
    dice: f64,
) -> Option<Duration> {
    let tries = match status {
        Some(500) => TRIES_AFTER_500,
        Some(_) | None => TRIES,
    };
    if failures >= tries || asked.is_some_and(|asked| asked > LONGEST_ASKED) {
        return None;
    }
    let doubled = FIRST * 2_u32.saturating_pow(failures.saturating_sub(1));
    let own = doubled.min(LONGEST);
    let wait = asked.map_or(own, |asked| asked.max(own));
    Some(wait.mul_f64(1.0 + dice / 4.0))
}

/// Reads `Retry-After` in seconds; a date is left to our own waits.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_end() {
        let waits: Vec<_> = (1..TRIES)
            .map(|n| wait(n, None, None, 0.0).unwrap())
            .collect();
        let millis: Vec<_> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [500, 1_000, 2_000, 4_000, 8_000, 16_000]);
        assert!(wait(4, Some(500), None, 0.0).is_some());
        assert_eq!(wait(5, Some(500), None, 0.0), None);
        assert_eq!(wait(TRIES, None, None, 0.0), None);
        assert_eq!(wait(1, None, None, 1.0), Some(Duration::from_millis(625)));
    }

    #[test]
    fn a_server_may_ask_for_more_but_not_for_ever() {
        assert_eq!(
            wait(1, Some(429), seconds("3"), 0.0),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            wait(4, Some(429), seconds("0.5"), 0.0),
            Some(Duration::from_secs(4))
        );
        assert_eq!(wait(1, Some(429), seconds("301"), 0.0), None);
        for odd in ["Wed, 21 Oct 2015 07:28:00 GMT", "-1", "NaN", "1e400", ""] {
            assert_eq!(seconds(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for status in [408, 423, 425, 429, 500, 502, 503, 504] {
            assert!(is_passing(status), "{status}");
        }
        for status in [200, 204, 301, 400, 401, 403, 404, 409, 413, 422, 501] {
            assert!(!is_passing(status), "{status}");
        }
    }
}
