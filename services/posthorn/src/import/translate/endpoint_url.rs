//! Credentials in a URL: Svix sends them as a header, and Posthorn keeps them as one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

/// A URL without user name and password, and the header's value that stands for them.
pub(super) fn split(text: &str) -> (String, Option<String>) {
    let Ok(mut url) = Url::parse(text) else {
        return (text.to_owned(), None);
    };
    if url.username().is_empty() && url.password().is_none() {
        return (text.to_owned(), None);
    }
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(url.password().unwrap_or_default()));
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return (text.to_owned(), None);
    }
    let value = format!("Basic {}", STANDARD.encode(pair));
    (url.into(), Some(value))
}

/// Percent-decodes; what is no escape stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_a_header() {
        let split = |text| split(text);
        let (url, header) = split("https://Aladdin:open%20sesame@example.com/hook?a=b");
        assert_eq!(url, "https://example.com/hook?a=b");
        // *Source*: RFC 7617, section 2.
        assert_eq!(header.unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let (_, only_user) = split("https://me@example.com/");
        assert_eq!(only_user.unwrap(), "Basic bWU6");
    }

    #[test]
    fn other_urls_stay_as_they_are() {
        for text in ["https://Example.com", "no url", "https://example.com/a@b"] {
            assert_eq!(split(text), (text.to_owned(), None));
        }
    }

    #[test]
    fn only_escapes_are_decoded() {
        for (text, bytes) in [
            ("a%3ab", "a:b"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%2B", "+"),
        ] {
            assert_eq!(decoded(text), bytes.as_bytes(), "{text}");
        }
    }
}
