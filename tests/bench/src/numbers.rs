//! The numbers at the beginning of an event's body, by which a receiver knows it.

use std::str::FromStr;

/// They stand within so many bytes; what follows may be long and is not looked at.
const HEAD: usize = 64;

/// A number of a JSON object, by its name.
pub(crate) fn number<T: FromStr>(body: &[u8], name: &str) -> Option<T> {
    let text = std::str::from_utf8(&body[..body.len().min(HEAD)]).ok()?;
    let digits = text.split_once(&format!("\"{name}\":"))?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_their_names() {
        let body = br#"{"n":17,"due":18,"filler":"x"}"#;
        assert_eq!(number::<u32>(body, "n"), Some(17));
        assert_eq!(number::<i64>(body, "due"), Some(18));
        assert_eq!(number::<i64>(br#"{"filler":"x"}"#, "n"), None);
        assert_eq!(number::<i64>(br#"{"due":x}"#, "due"), None);
    }
}
