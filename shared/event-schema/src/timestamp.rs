//! A moment in UTC, in whole microseconds: PostgreSQL's precision, so that a create reply equals
//! the later read.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A moment in UTC, counted in microseconds since the Unix epoch.
///
/// On the wire between processes it is that integer; people and SDKs see RFC 3339.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_unix_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: what `svix-timestamp` carries.
    #[must_use]
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment `wait` later, clamped to the type's range.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The moment `wait` earlier, clamped to the type's range.
    #[must_use]
    pub fn minus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this moment is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 with any offset; digits past the microsecond are dropped.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(Self::from(moment))
    }

    /// RFC 3339 in UTC with milliseconds: the form inside an event object.
    #[must_use]
    pub fn to_rfc3339_millis(self) -> String {
        let form = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        self.to_date_time().format(form).unwrap_or_default()
    }

    /// RFC 3339 in UTC with microseconds: the form of the REST API.
    #[must_use]
    pub fn to_rfc3339_micros(self) -> String {
        let form = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
        );
        self.to_date_time().format(form).unwrap_or_default()
    }

    /// The same moment as the `time` crate has it; moments before year −9999 or after 9999 become
    /// the epoch.
    #[must_use]
    pub fn to_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        let micros = moment.unix_timestamp_nanos().div_euclid(1_000);
        Self(i64::try_from(micros).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_text_forms_are_utc_with_fixed_digits() {
        let at = Timestamp::parse_rfc3339("2025-04-12T17:55:19.000004999+02:00").unwrap();
        assert_eq!(at.to_rfc3339_millis(), "2025-04-12T15:55:19.000Z");
        assert_eq!(at.to_rfc3339_micros(), "2025-04-12T15:55:19.000004Z");
    }

    #[test]
    fn nonsense_is_not_a_moment() {
        for text in [
            "",
            "yesterday",
            "2025-04-12",
            "2025-04-12T15:55:19",
            "2025-13-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_never_overflows() {
        let last = Timestamp::from_unix_micros(i64::MAX);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(Timestamp::default().since(last), Duration::ZERO);
        assert!(!last.to_rfc3339_millis().is_empty());
    }
}
