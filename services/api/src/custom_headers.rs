//! Which headers customers may add to their deliveries.
//!
//! Refused are names that belong to HTTP itself, to us, or to the clouds' metadata services, and
//! bytes that could break out of a header line.
//! All problems are told at once.

use std::collections::BTreeMap;

/// A customer's own headers; the spelling of names is theirs.
pub type CustomHeaders = BTreeMap<String, String>;

/// Most headers of an endpoint.
pub const MAX_HEADERS: usize = 50;
/// Longest header value in bytes. *Source*: Svix's API.
pub const MAX_VALUE_LEN: usize = 4_096;
/// Most bytes of all names and values together.
pub const MAX_TOTAL_LEN: usize = 16 * 1_024;

/// A rule that a header breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderProblem {
    /// The header's name as it came, cut to 200 characters; empty for a rule about all headers.
    pub name: String,
    /// Which rule.
    pub rule: HeaderRule,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderRule {
    /// The name is not a token.
    InvalidName,
    /// The name is not the customer's to set.
    Forbidden,
    /// The same name stands there twice, in different spelling.
    Duplicate,
    /// The value has characters other than visible ASCII, space and tab.
    InvalidValue,
    /// The value, or all headers together, are too long.
    TooLong,
    /// There are more than [`MAX_HEADERS`].
    TooMany,
}

impl HeaderRule {
    /// The rule's name in the public API.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidName => "header.invalid_name",
            Self::Forbidden => "header.forbidden",
            Self::Duplicate => "header.duplicate",
            Self::InvalidValue => "header.invalid_value",
            Self::TooLong => "header.too_long",
            Self::TooMany => "header.too_many",
        }
    }

    /// The rule in a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InvalidName => "The header's name must be an HTTP token.",
            Self::Forbidden => "This header cannot be set.",
            Self::Duplicate => "The header is given twice; names do not depend on case.",
            Self::InvalidValue => {
                "The header's value may contain only visible ASCII characters, spaces and tabs."
            }
            Self::TooLong => {
                "A header's value may have 4096 bytes, all headers together 16384 bytes."
            }
            Self::TooMany => "An endpoint may have 50 headers.",
        }
    }
}

/// Checks headers; an empty answer means that they are in order.
#[must_use]
pub fn problems(headers: &CustomHeaders) -> Vec<HeaderProblem> {
    let mut found = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (name, value) in headers {
        let mut note = |rule| {
            found.push(HeaderProblem {
                name: name.chars().take(200).collect(),
                rule,
            });
        };
        let lower = name.to_ascii_lowercase();
        if !is_token(name) {
            note(HeaderRule::InvalidName);
        } else if is_forbidden(&lower) {
            note(HeaderRule::Forbidden);
        } else if !seen.insert(lower) {
            note(HeaderRule::Duplicate);
        }
        if !value.bytes().all(|c| matches!(c, b' '..=b'~' | b'\t')) {
            note(HeaderRule::InvalidValue);
        }
        if value.len() > MAX_VALUE_LEN {
            note(HeaderRule::TooLong);
        }
    }
    let overall = |rule| HeaderProblem {
        name: String::new(),
        rule,
    };
    if headers.len() > MAX_HEADERS {
        found.push(overall(HeaderRule::TooMany));
    }
    if headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > MAX_TOTAL_LEN
    {
        found.push(overall(HeaderRule::TooLong));
    }
    found
}

/// Splits headers into those that may be shown and the names of those that hold credentials.
#[must_use]
pub fn redacted(headers: CustomHeaders) -> (CustomHeaders, Vec<String>) {
    let (hidden, shown): (CustomHeaders, CustomHeaders) = headers
        .into_iter()
        .partition(|(name, _)| is_sensitive(name));
    (shown, hidden.into_keys().collect())
}

/// Adds a header, in place of one with the same name in any spelling.
pub fn set(headers: &mut CustomHeaders, name: String, value: String) {
    remove(headers, &name);
    headers.insert(name, value);
}

/// Removes a header, in any spelling.
pub fn remove(headers: &mut CustomHeaders, name: &str) {
    headers.retain(|existing, _| !existing.eq_ignore_ascii_case(name));
}

/// *Source*: Svix's API.
const SENSITIVE: [&str; 6] = [
    "authorization",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "x-api-key",
    "x-auth-token",
];

fn is_sensitive(name: &str) -> bool {
    SENSITIVE
        .iter()
        .any(|sensitive| name.eq_ignore_ascii_case(sensitive))
}

/// A token. *Source*: RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 256
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
}

/// *Source*: the nineteen of Svix, and what would change framing, routing, tracing or trust.
const FORBIDDEN: [&str; 35] = [
    "age",
    "baggage",
    "cache-control",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "expect",
    "expires",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "metadata",
    "metadata-flavor",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "warning",
    "x-real-ip",
    "proxy-connection",
    "x-forwarded",
];

const FORBIDDEN_PREFIXES: [&str; 15] = [
    "posthorn-",
    "proxy-",
    "sec-",
    "svix-",
    "webhook-",
    "x-amz-",
    "x-amzn-",
    "x-aws-ec2-metadata-token",
    "x-azure-",
    "x-fd-",
    "x-forwarded-",
    "x-gfe",
    "x-goog-",
    "x-google",
    "x-svix-",
];

fn is_forbidden(lower: &str) -> bool {
    FORBIDDEN.contains(&lower)
        || FORBIDDEN_PREFIXES
            .iter()
            .any(|prefix| lower.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> CustomHeaders {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn rules(pairs: &[(&str, &str)]) -> Vec<HeaderRule> {
        problems(&headers(pairs))
            .into_iter()
            .map(|p| p.rule)
            .collect()
    }

    #[test]
    fn ordinary_headers_are_accepted() {
        assert_eq!(
            rules(&[
                ("X-Team", "blue team\t1"),
                ("Authorization", "Bearer x"),
                ("a", "")
            ]),
            []
        );
    }

    #[test]
    fn nobody_sets_what_belongs_to_http_or_to_us() {
        for name in [
            "Host",
            "CONNECTION",
            "content-type",
            "Transfer-Encoding",
            "svix-id",
            "Webhook-Signature",
            "posthorn-attempt",
            "traceparent",
            "X-Forwarded-For",
            "Metadata-Flavor",
            "sec-fetch-mode",
            "X-aws-ec2-metadata-token-ttl-seconds",
            "x-goog-iam",
            "Proxy-Authorization",
        ] {
            assert_eq!(rules(&[(name, "x")]), [HeaderRule::Forbidden], "{name}");
        }
    }

    #[test]
    fn nothing_breaks_out_of_a_header_line() {
        for value in ["a\r\nb: c", "a\nb", "a\0", "é", "\u{10a}", "\u{7f}"] {
            assert_eq!(
                rules(&[("x", value)]),
                [HeaderRule::InvalidValue],
                "{value:?}"
            );
        }
        for name in ["", "a b", "a:b", "a\r\n", "ﬀ", "a\u{10a}"] {
            assert_eq!(rules(&[(name, "x")]), [HeaderRule::InvalidName], "{name:?}");
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let long = "v".repeat(MAX_VALUE_LEN + 1);
        let found = rules(&[("Host", "a\n"), ("X-A", &long), ("b c", "x"), ("x-a", "y")]);
        assert_eq!(
            found,
            [
                HeaderRule::Forbidden,
                HeaderRule::InvalidValue,
                HeaderRule::TooLong,
                HeaderRule::InvalidName,
                HeaderRule::Duplicate,
            ]
        );
        let many: CustomHeaders = (0..51).map(|n| (format!("h{n}"), String::new())).collect();
        assert_eq!(problems(&many)[0].rule, HeaderRule::TooMany);
        let big: CustomHeaders = (0..5)
            .map(|n| (format!("h{n}"), "v".repeat(4_000)))
            .collect();
        assert_eq!(problems(&big)[0].rule, HeaderRule::TooLong);
    }

    #[test]
    fn credentials_are_named_but_not_shown() {
        let (shown, hidden) = redacted(headers(&[
            ("X-Team", "blue"),
            ("AUTHORIZATION", "Bearer x"),
        ]));
        assert_eq!(shown, headers(&[("X-Team", "blue")]));
        assert_eq!(hidden, ["AUTHORIZATION"]);
    }

    #[test]
    fn a_header_is_replaced_in_any_spelling() {
        let mut all = headers(&[("X-Team", "blue")]);
        set(&mut all, "x-team".to_owned(), "red".to_owned());
        assert_eq!(all, headers(&[("x-team", "red")]));
        remove(&mut all, "X-TEAM");
        assert!(all.is_empty());
    }
}
