//! Secrets: where they come from, and that nobody prints them.

use std::{fmt, sync::Arc};

/// A text that never appears in logs, errors or `--print-config`.
///
/// `Debug` and `Display` print `[REDACTED]`. Clones share one text.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself; each use of this method is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[REDACTED]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[REDACTED]")
    }
}

/// What looking for a secret ends in.
#[derive(Debug)]
pub(super) enum Lookup {
    Found(Secret),
    Missing,
    Mistake(String),
}

/// The name of the variable that holds the path of a file with the secret.
pub(super) fn file_key(key: &str) -> String {
    format!("{key}_FILE")
}

/// Takes the secret from its variable or from the file that the other variable names.
pub(super) fn look_up(key: &str, value: Option<String>, file: Option<String>) -> Lookup {
    let file_key = file_key(key);
    match (value, file) {
        (None, None) => Lookup::Missing,
        (Some(value), None) => Lookup::Found(Secret::new(value)),
        (Some(_), Some(_)) => Lookup::Mistake(format!(
            "{key}, {file_key}: expected one of them, found both"
        )),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => match without_newline(&text) {
                "" => Lookup::Mistake(format!("{file_key}: the file {path} is empty")),
                secret => Lookup::Found(Secret::new(secret)),
            },
            Err(error) => Lookup::Mistake(format!("{file_key}: cannot read {path}: {error}")),
        },
    }
}

/// Removes one newline from the end: editors and `echo` add it, nobody means it.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Hides the userinfo of every URL in a text: `nats://user:pass@host` has a secret inside.
///
/// Such settings should be read as secrets; this is the second line of defence.
pub(super) fn without_userinfo(text: &str) -> String {
    let mut parts = text.split("://");
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let authority = part
            .split(['/', '?', '#', ',', ' '])
            .next()
            .unwrap_or_default();
        // A password may hold the separators unescaped: then everything up to the last '@' goes.
        let userinfo = authority.rfind('@').or_else(|| part.rfind('@'));
        hidden.push_str("://");
        hidden.push_str(userinfo.map_or(part, |at| &part[at..]));
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing() {
        let secret = Secret::new("hunter2");

        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[REDACTED] [REDACTED] Some([REDACTED])"
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_secret() {
        let cases = [
            ("s", "s"),
            ("s\n", "s"),
            ("s\r\n", "s"),
            ("s\n\n", "s\n"),
            (" s ", " s "),
        ];
        for (text, secret) in cases {
            assert_eq!(without_newline(text), secret, "{text:?}");
        }
    }

    #[test]
    fn userinfo_is_hidden_wherever_it_stands() {
        let cases = [
            ("plain", "plain"),
            ("user@example.com", "user@example.com"),
            ("nats://host:4222", "nats://host:4222"),
            ("nats://user:pass@host:4222", "nats://@host:4222"),
            ("nats://a:b@one,nats://c:d@two", "nats://@one,nats://@two"),
            ("postgres://u:p/w@db/posthorn", "postgres://@db/posthorn"),
        ];
        for (text, hidden) in cases {
            assert_eq!(without_userinfo(text), hidden, "{text:?}");
        }
    }
}
