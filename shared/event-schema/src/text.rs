//! Reading a checked text out of JSON where it stands, without a copy of it in between.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, Visitor};

/// Reads a text and checks it by `parse`, whose error says what is wrong with it.
pub(crate) fn deserialize<'de, D, T, E>(
    deserializer: D,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    deserializer.deserialize_str(Checked(parse))
}

struct Checked<T, E>(fn(&str) -> Result<T, E>);

impl<T, E: fmt::Display> Visitor<'_> for Checked<T, E> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<F: de::Error>(self, text: &str) -> Result<T, F> {
        (self.0)(text).map_err(F::custom)
    }
}

#[cfg(test)]
mod tests {
    use crate::EventId;

    #[test]
    fn a_text_may_be_escaped_and_nothing_else_is_one() {
        let read = |json| serde_json::from_str::<EventId>(json);
        assert_eq!(read(r#""a_1""#).unwrap().as_str(), "a_1");
        assert_eq!(read(r#""\u0061_1""#).unwrap().as_str(), "a_1");
        for wrong in ["1", "null", r#"["a"]"#] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("expected a string"), "{error}");
        }
        assert!(
            read(r#""a.b""#)
                .unwrap_err()
                .to_string()
                .contains("letters")
        );
    }
}
