//! Ordering keys: events of an application with the same one reach each endpoint one after the other.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{NameError, text};

/// What a producer orders its events by, such as the id of the document that they are about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct OrderingKey(String);

impl OrderingKey {
    /// Longest key in bytes.
    pub const MAX_LEN: usize = 256;

    /// Reads and checks a key.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(NameError::Length(Self::MAX_LEN));
        }
        if text.chars().any(char::is_control) {
            return Err(NameError::Characters("characters that can be printed"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is called in subjects.
    #[must_use]
    pub fn line(&self) -> OrderingLine {
        OrderingLine(crate::partition::hash32(self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for OrderingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, Self::parse)
    }
}

/// A line that deliveries of an endpoint stand in: those whose keys have the same hash of 32 bits.
/// Two keys that happen to share one wait for each other, and lose nothing but time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderingLine(u32);

impl OrderingLine {
    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let digits = token.strip_prefix('k')?;
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 8 || !digits.bytes().all(is_hex) {
            return None;
        }
        u32::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for OrderingLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keys_line_is_fixed_for_ever_and_comes_back_from_its_token() {
        let line = OrderingKey::parse("document 7").unwrap().line();
        assert_eq!(OrderingLine::parse(&line.to_string()), Some(line));
        assert_eq!(line.to_string(), "ka4525893");
        for stranger in [
            "k",
            "k1",
            "k0000000g",
            "k000000001",
            "kABCDEF01",
            "00000000",
        ] {
            assert_eq!(OrderingLine::parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_rule() {
        let long = "a".repeat(257);
        for (text, rule) in [
            ("", "must have 1 to"),
            (&*long, "must have 1 to"),
            ("a\nb", "may contain only"),
        ] {
            let error = OrderingKey::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(rule), "{error}");
        }
        assert!(OrderingKey::parse("тест 7").is_ok());
    }
}
