//! Which URLs an endpoint may have.
//!
//! The WHATWG parser reads the text once, and only what it made of it is judged: its many spellings
//! of one address all end in the same parsed host.
//! The sender checks again what it connects to; the answer here is early and in words.

use std::fmt;
use std::net::IpAddr;

use posthorn_egress::{EgressPolicy, is_public};
use url::{Host, ParseError, Url};

use crate::url_credentials::UrlCredentials;

/// What an operator demands of endpoint URLs.
#[derive(Debug, Clone)]
pub struct UrlRules {
    /// Longest URL in bytes.
    pub max_len: usize,
    /// Refuses `http://`.
    pub https_only: bool,
    /// Hosts that may be contacted although they are not public.
    pub allow: EgressPolicy,
}

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlProblem {
    /// Longer than allowed.
    TooLong,
    /// Not a URL.
    Invalid,
    /// Neither `http` nor `https`, or `http` where only `https` is allowed.
    Scheme,
    /// User name or password where the URL must have none.
    UserInfo,
    /// A user name or password that no Basic header can carry.
    Credentials,
    /// Asterisks instead of a user name and password, and nothing that they stand for.
    Redacted,
    /// A port that no receiver of webhooks uses.
    Port,
    /// No host, or a name that the public DNS cannot know.
    Host,
    /// An address that is not public.
    Address,
}

impl UrlProblem {
    /// The problem's name in the public API.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "url.too_long",
            Self::Invalid => "url.invalid",
            Self::Scheme => "url.scheme",
            Self::UserInfo => "url.userinfo",
            Self::Credentials => "url.credentials",
            Self::Redacted => "url.redacted",
            Self::Port => "url.port",
            Self::Host => "url.host",
            Self::Address => "url.address_not_allowed",
        }
    }
}

impl fmt::Display for UrlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "The URL is too long.",
            Self::Invalid => "The text is not a URL.",
            Self::Scheme => "The URL must begin with https:// (or http://, where it is allowed).",
            Self::UserInfo => {
                "The URL must not contain a user name or password; set an Authorization header."
            }
            Self::Credentials => {
                "The user name must not contain a colon, and neither it nor the password control characters."
            }
            Self::Redacted => {
                "The user name and password are not known for this place; give them again."
            }
            Self::Port => "The port is not allowed.",
            Self::Host => "The host must be a fully qualified public name.",
            Self::Address => "The address is not allowed.",
        })
    }
}

/// Ports that belong to other services: mail, SSH, and what runs beside us.
const DENIED_PORTS: [u16; 8] = [22, 25, 2379, 4222, 5432, 6379, 6443, 10250];

/// Names that only resolve inside a network.
const INTERNAL_SUFFIXES: [&str; 5] = ["localhost", "internal", "local", "svc", "cluster.local"];

impl UrlRules {
    /// Checks a URL without user name and password, and gives it in its normal form.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, text: &str) -> Result<String, UrlProblem> {
        match self.check_with_credentials(text)? {
            (normal, UrlCredentials::Absent) => Ok(normal),
            (_, UrlCredentials::Redacted | UrlCredentials::Given(_)) => Err(UrlProblem::UserInfo),
        }
    }

    /// Checks a URL and gives it in its normal form, and its user name and password apart.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(crate) fn check_with_credentials(
        &self,
        text: &str,
    ) -> Result<(String, UrlCredentials), UrlProblem> {
        if text.len() > self.max_len {
            return Err(UrlProblem::TooLong);
        }
        // The parser drops these silently, so that what people read is not what is asked.
        if text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
        {
            return Err(UrlProblem::Invalid);
        }
        let mut url = Url::parse(text).map_err(problem_of)?;
        if url.scheme() != "https" && (url.scheme() != "http" || self.https_only) {
            return Err(UrlProblem::Scheme);
        }
        self.check_host(&url)?;
        let credentials = UrlCredentials::take(&mut url)?;
        let normal = String::from(url);
        // Percent-encoding may have made it longer.
        if normal.len() > self.max_len {
            Err(UrlProblem::TooLong)
        } else {
            Ok((normal, credentials))
        }
    }

    fn check_host(&self, url: &Url) -> Result<(), UrlProblem> {
        let (allowed, problem) = match url.host() {
            Some(Host::Ipv4(address)) => self.judge_address(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.judge_address(IpAddr::V6(address)),
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let problem = (!is_public_name(name)).then_some(UrlProblem::Host);
                (self.allow.allows_host(name), problem)
            }
            None => (false, Some(UrlProblem::Host)),
        };
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 || (!allowed && DENIED_PORTS.contains(&port)) {
            return Err(UrlProblem::Port);
        }
        match problem {
            Some(problem) if !allowed => Err(problem),
            Some(_) | None => Ok(()),
        }
    }

    fn judge_address(&self, address: IpAddr) -> (bool, Option<UrlProblem>) {
        let problem = (!is_public(address)).then_some(UrlProblem::Address);
        (self.allow.lists(address), problem)
    }
}

fn problem_of(error: ParseError) -> UrlProblem {
    match error {
        ParseError::RelativeUrlWithoutBase | ParseError::RelativeUrlWithCannotBeABaseBase => {
            UrlProblem::Scheme
        }
        ParseError::InvalidPort => UrlProblem::Port,
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => UrlProblem::Host,
        _ => UrlProblem::Invalid,
    }
}

fn is_public_name(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let top_is_a_name = labels
        .last()
        .is_some_and(|top| top.starts_with(|c: char| c.is_ascii_alphabetic()));
    let internal = |suffix: &&str| {
        name.strip_suffix(*suffix)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    name.len() <= 253
        && labels.len() > 1
        && labels.iter().all(|label| is_label(label))
        && top_is_a_name
        && !INTERNAL_SUFFIXES.iter().any(internal)
}

fn is_label(label: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<String, UrlProblem> {
        check_with("", text)
    }

    fn check_with(allow: &str, text: &str) -> Result<String, UrlProblem> {
        let allow = EgressPolicy::parse(allow).unwrap();
        UrlRules {
            max_len: 2_048,
            https_only: false,
            allow,
        }
        .check(text)
    }

    #[test]
    fn a_url_is_given_back_in_its_normal_form() {
        assert_eq!(check("http://EXAMPLE.com").unwrap(), "http://example.com/");
        assert_eq!(
            check("https://a.example.com:8443/x?y=z").unwrap(),
            "https://a.example.com:8443/x?y=z"
        );
        assert!(check("https://bücher.example/").is_ok());
    }

    #[test]
    fn every_spelling_of_an_internal_address_is_refused() {
        for text in [
            "http://127.0.0.1",
            "http://2130706433/",
            "http://0177.0.0.1",
            "http://0x7f000001",
            "http://0x7f.1",
            "http://127.1",
            "http://0",
            "http://127.0.0.1.",
            "http://①②⑦.⓪.⓪.①",
            "http://127。0。0。1",
            "http://127%2e0%2e0%2e1",
            "http://0300.0250.0.1",
            "http:127.0.0.1/",
            "http:///127.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://[fd00:ec2::254]/",
            "http://169.254.169.254/latest",
        ] {
            assert_eq!(check(text), Err(UrlProblem::Address), "{text}");
        }
    }

    #[test]
    fn what_the_parser_rejects_or_rewrites_is_refused() {
        for text in [
            "http://[fe80::1%25eth0]",
            "http://127.0.0.1%00.evil.com",
            "http://256.256.256.256",
            "http://1.2.3.4.5",
            "http://4294967296",
            "http://0o177.0.0.1",
            "http://09.1.1.1",
            "http://a.com:99999",
            "http://a b.com",
            "http://a\r\nb.com",
            "http://a\tb.com",
            "http://127.0.0.1:80\\@evil.com/",
            "http://1.1.1.1 &@2.2.2.2# @3.3.3.3/",
            "",
            "nonsense",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_are_not_public_are_refused() {
        for name in [
            "a..b",
            "test-._",
            "localhost.",
            "localhost",
            "receiver",
            "x.internal",
            "x.local",
            "x.svc",
            "x.cluster.local",
            "metadata.google.internal",
            "x.localhost",
        ] {
            assert_eq!(
                check(&format!("http://{name}/")),
                Err(UrlProblem::Host),
                "{name}"
            );
        }
    }

    #[test]
    fn each_rule_has_its_own_name() {
        for (text, problem) in [
            ("ftp://example.com", UrlProblem::Scheme),
            ("file:///etc/passwd", UrlProblem::Scheme),
            ("gopher://example.com", UrlProblem::Scheme),
            ("javascript:alert(1)", UrlProblem::Scheme),
            ("example.com/hook", UrlProblem::Scheme),
            ("https://u:p@example.com", UrlProblem::UserInfo),
            ("https://u@example.com", UrlProblem::UserInfo),
            ("https://example.com:0", UrlProblem::Port),
            ("https://example.com:5432", UrlProblem::Port),
            ("http://", UrlProblem::Host),
        ] {
            assert_eq!(check(text), Err(problem), "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        assert_eq!(check(&long), Err(UrlProblem::TooLong));
        let grows = format!("https://example.com/{}", "é".repeat(900));
        assert_eq!(check(&grows), Err(UrlProblem::TooLong));
    }

    #[test]
    fn the_operator_opens_ranges_and_names() {
        let allow = "127.0.0.0/8, ::1, receiver, .corp.internal";
        for text in [
            "http://127.0.0.1:5432/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "http://receiver:3000/",
            "http://hooks.corp.internal/",
        ] {
            assert!(check_with(allow, text).is_ok(), "{text}");
        }
        assert_eq!(
            check_with(allow, "http://10.0.0.1/"),
            Err(UrlProblem::Address)
        );
        assert_eq!(
            check_with(allow, "http://evilcorp.internal/"),
            Err(UrlProblem::Host)
        );
    }

    #[test]
    fn https_only_refuses_http() {
        let rules = UrlRules {
            max_len: 2_048,
            https_only: true,
            allow: EgressPolicy::default(),
        };
        assert_eq!(rules.check("http://example.com"), Err(UrlProblem::Scheme));
        assert!(rules.check("https://example.com").is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in ".{0,200}") {
            let _ignored = check(&text);
        }
    }
}
