//! The headers of an attempt, as far as history keeps them: bounded, and without credentials.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Most headers that are kept of a message.
pub const MAX_KEPT_HEADERS: usize = 64;
/// Most bytes of names and values together that are kept of a message.
pub const MAX_KEPT_HEADER_BYTES: usize = 8 * 1024;

/// Names whose values are credentials. *Source*: Svix's API.
const SENSITIVE: [&str; 6] = [
    "authorization",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "x-api-key",
    "x-auth-token",
];
/// Parts of names whose values are probably credentials: history is not sealed, so rather one value
/// too few than one too many.
const SUSPICIOUS: [&str; 9] = [
    "api-key",
    "apikey",
    "auth",
    "bearer",
    "cookie",
    "credential",
    "password",
    "secret",
    "token",
];

/// What an attempt sent and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptHeaders {
    /// What was sent, the connection's own headers left out.
    pub sent: Vec<(String, String)>,
    /// What came back; `None` when there was no HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Vec<(String, String)>>,
    /// Names of headers whose values are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
}

/// The same as JSON text, which stays as it is from the sender to history: read only when somebody looks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeadersText(Box<RawValue>);

impl HeadersText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl From<&AttemptHeaders> for HeadersText {
    fn from(headers: &AttemptHeaders) -> Self {
        Self(to_raw_value(headers).expect("lists of texts can be written as JSON"))
    }
}

impl PartialEq for HeadersText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl AttemptHeaders {
    /// Keeps what was sent.
    pub fn keep_sent<'a>(&mut self, headers: impl Iterator<Item = (&'a str, &'a [u8])>) {
        self.sent = self.keep(headers);
    }

    /// Keeps what came back.
    pub fn keep_received<'a>(&mut self, headers: impl Iterator<Item = (&'a str, &'a [u8])>) {
        self.received = Some(self.keep(headers));
    }

    /// The headers up to the first that does not fit, those with credentials by name only.
    fn keep<'a>(
        &mut self,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        let mut room = MAX_KEPT_HEADER_BYTES;
        for (name, value) in headers.take(MAX_KEPT_HEADERS) {
            let Some(rest) = room.checked_sub(name.len() + value.len()) else {
                break;
            };
            room = rest;
            if is_sensitive(name) {
                if !self.sensitive.iter().any(|known| known == name) {
                    self.sensitive.push(name.to_owned());
                }
            } else {
                let value = String::from_utf8_lossy(value).into_owned();
                kept.push((name.to_owned(), value));
            }
        }
        kept
    }
}

/// Whether a header's value may be a credential.
#[must_use]
pub fn is_sensitive(name: &str) -> bool {
    let name = name.as_bytes();
    // One look at each place of the name: every attempt has a dozen headers on its way and back.
    SENSITIVE
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || (0..name.len()).any(|start| begins_suspiciously(&name[start..]))
}

fn begins_suspiciously(name: &[u8]) -> bool {
    SUSPICIOUS.iter().any(|part| {
        let begin = name.get(..part.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(part.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_kept_by_name_only() {
        let mut headers = AttemptHeaders::default();
        let sent: [(&str, &[u8]); 4] = [
            ("svix-signature", b"v1,abc"),
            ("Authorization", b"Bearer x"),
            ("x-shop-token", b"y"),
            ("x-shop", b"\xff"),
        ];
        headers.keep_sent(sent.into_iter());
        let names: Vec<_> = headers.sent.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["svix-signature", "x-shop"]);
        assert_eq!(headers.sensitive, ["Authorization", "x-shop-token"]);
        headers.keep_received([("set-cookie", b"z".as_slice())].into_iter());
        assert_eq!(headers.received, Some(Vec::new()));
        assert!(
            !serde_json::to_string(&headers)
                .unwrap()
                .contains("Bearer x")
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut headers = AttemptHeaders::default();
        headers.keep_received(std::iter::repeat_n(("a", b"b".as_slice()), 1_000));
        assert_eq!(headers.received.unwrap().len(), MAX_KEPT_HEADERS);
        let mut headers = AttemptHeaders::default();
        let long = vec![b'x'; MAX_KEPT_HEADER_BYTES];
        headers.keep_received([("a", b"b".as_slice()), ("c", &long)].into_iter());
        assert_eq!(headers.received.unwrap().len(), 1);
    }
}
