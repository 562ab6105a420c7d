//! Durations as people write them: digits with a unit, never a bare number.

use std::time::Duration;

/// The units, largest first, each in nanoseconds.
///
/// Days are the largest: months and years have no fixed length.
const UNITS: [(&str, u128); 7] = [
    ("d", 24 * 3600 * SECOND),
    ("h", 3600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const SECOND: u128 = 1_000_000_000;

/// Parses `5s`, `500ms`, `2m`, `12h`, `7d` and combinations such as `1h30m`.
///
/// Returns none for anything else: a bare number (its unit would be a guess), a fraction, units
/// that are repeated or not in falling order, and what does not fit a [`Duration`].
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = Duration::ZERO;
    while !rest.is_empty() || text.is_empty() {
        let (count, after_count) = split_where(rest, |letter| !letter.is_ascii_digit());
        let (unit, after_unit) = split_where(after_count, |letter| letter.is_ascii_digit());
        let (_, nanoseconds) = units.find(|(name, _)| *name == unit)?;
        let part = count
            .parse::<u64>()
            .ok()
            .map(u128::from)?
            .checked_mul(*nanoseconds)?;
        total = total.checked_add(from_nanoseconds(part)?)?;
        rest = after_unit;
    }
    Some(total)
}

/// Prints a duration so that [`parse_duration`] reads the same one: `1h30m`, `500ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (name, nanoseconds) in UNITS {
        let count = rest / nanoseconds;
        rest %= nanoseconds;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    text
}

/// Splits before the first letter that fits, or after the last one.
fn split_where(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(fits).unwrap_or(text.len()))
}

fn from_nanoseconds(nanoseconds: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanoseconds / SECOND).ok()?;
    let rest = u32::try_from(nanoseconds % SECOND).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let cases = [
            ("5s", 5_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
            ("90s", 90_000),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let texts = [
            "",
            "5",
            "s",
            "5 s",
            " 5s",
            "5s ",
            "-5s",
            "+5s",
            "1.5s",
            "5S",
            "5sec",
            "1s5",
            "30m1h",
            "1s1s",
            "5s500",
            "99999999999999999999s",
            "18446744073709551615d",
            "五s",
        ];
        for text in texts {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_printed_in_falling_units() {
        let cases = [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(500), "500ms"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_secs(3600), "1h"),
            (Duration::from_secs(86_400 * 7), "7d"),
            (Duration::from_micros(1_500), "1ms500us"),
        ];
        for (duration, text) in cases {
            assert_eq!(format_duration(duration), text);
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same_duration() {
        for duration in [
            Duration::MAX,
            Duration::from_nanos(1),
            Duration::from_millis(90_061_001),
        ] {
            assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }
    }
}
