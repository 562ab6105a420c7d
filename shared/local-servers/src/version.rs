//! Reading a version out of what `nats-server --version` and `postgres --version` print.

use std::fmt;

/// The first two numbers of a program's version, which is all that decides whether we can use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number: 2 in `v2.12.1`, 18 in `18.4`.
    pub major: u32,
    /// The second number: 12 in `v2.12.1`; 0 where there is none, as in `18beta1`.
    pub minor: u32,
}

impl Version {
    /// A version from its first two numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Finds the first number in `printed` and reads the version that starts there.
    ///
    /// `None` when no word of it starts with a number, after an optional `v`.
    #[must_use]
    pub fn parse(printed: &str) -> Option<Self> {
        printed.split_whitespace().find_map(Self::parse_word)
    }

    fn parse_word(word: &str) -> Option<Self> {
        let word = word.strip_prefix('v').unwrap_or(word);
        let mut parts = word.split('.');
        let major = leading_number(parts.next()?)?;
        let minor = parts.next().and_then(leading_number).unwrap_or(0);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_from_what_servers_print() {
        let cases = [
            ("nats-server: v2.15.1", Some(Version::new(2, 15))),
            ("nats-server: v2.12.0-RC.1", Some(Version::new(2, 12))),
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                Some(Version::new(15, 14)),
            ),
            ("postgres (PostgreSQL) 18beta1", Some(Version::new(18, 0))),
            ("postgres (PostgreSQL) 18.4", Some(Version::new(18, 4))),
            ("command not found", None),
            ("", None),
        ];
        for (printed, expected) in cases {
            assert_eq!(Version::parse(printed), expected, "{printed:?}");
        }
    }

    #[test]
    fn versions_order_by_number_and_not_by_text() {
        assert!(Version::new(2, 9) < Version::new(2, 12));
        assert!(Version::new(14, 0) < Version::new(18, 4));
    }
}
