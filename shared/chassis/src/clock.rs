//! The time of day, read at the edge.
//!
//! Decisions take the time as an argument, so that their tests need not sleep; whoever calls them
//! reads it here.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch; negative before it.
///
/// The system's clock may be set back, so this is no measure of how long something took: that is
/// `std::time::Instant`.
pub fn unix_micros() -> i64 {
    // 292,000 years fit into 64 bits.
    let micros =
        |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_later_than_the_day_this_was_written() {
        let new_year_2026 = 1_767_225_600_000_000;

        assert!(unix_micros() > new_year_2026);
    }
}
