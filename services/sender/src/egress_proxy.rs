//! The operator's proxy, through which requests leave the network.
//!
//! Every connection through it is a tunnel (CONNECT), for `http` as well, so that it sees whom we ask
//! and nothing else. The variables that other programs take a proxy from (`HTTP_PROXY`, …) are not read:
//! they would lead around the egress policy without anybody deciding so.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use posthorn_egress::EgressPolicy;
use url::Url;

/// The operator's proxy, and whom we ask without it. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct EgressProxy {
    /// `http://host:port/`.
    pub(crate) uri: Uri,
    /// What it is told about who we are.
    pub(crate) authorization: Option<HeaderValue>,
    /// Names and ranges of addresses that are asked directly.
    except: EgressPolicy,
}

impl EgressProxy {
    /// Reads `http://[user:password@]host:port`; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "http" || !is_plain {
            return None;
        }
        let port = url.port_or_known_default()?;
        let uri = format!("http://{}:{port}/", url.host_str()?).parse().ok()?;
        Some(Self {
            uri,
            authorization: authorization(&url)?,
            except: EgressPolicy::default(),
        })
    }

    /// The same proxy, not for these.
    #[must_use]
    pub fn except(self, except: EgressPolicy) -> Self {
        Self { except, ..self }
    }

    /// Whether a host is asked through it. Names are not looked up for that.
    pub(crate) fn is_for(&self, host: &str, literal: Option<IpAddr>) -> bool {
        !match literal {
            Some(address) => self.except.lists(address),
            None => self.except.allows_host(host),
        }
    }
}

impl fmt::Debug for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EgressProxy({}, except {:?})", self.uri, self.except)
    }
}

/// The header that a user name and a password become; `None` when none can carry them.
#[expect(
    clippy::option_option,
    reason = "there may be none, and it may be wrong"
)]
fn authorization(url: &Url) -> Option<Option<HeaderValue>> {
    if url.username().is_empty() && url.password().is_none() {
        return Some(None);
    }
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let password: Vec<u8> = percent_decode_str(url.password().unwrap_or_default()).collect();
    if user.contains(&b':') {
        return None;
    }
    let pair = STANDARD.encode([&user[..], b":", &password].concat());
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_with_a_port_and_perhaps_a_password() {
        let proxy = EgressProxy::parse("http://me:p%40ss@proxy.internal:3128").unwrap();
        assert_eq!(proxy.uri, "http://proxy.internal:3128/");
        assert_eq!(proxy.authorization.clone().unwrap(), "Basic bWU6cEBzcw==");
        let shown = format!("{proxy:?}");
        assert!(
            !shown.contains("p%40ss") && !shown.contains("bWU6"),
            "{shown}"
        );
        let plain = EgressProxy::parse("http://[::1]").unwrap();
        assert_eq!(
            (plain.uri.port_u16(), plain.authorization),
            (Some(80), None)
        );
        for text in [
            "",
            "proxy:3128",
            "https://proxy:1",
            "socks5://proxy:1",
            "http://proxy/x",
        ] {
            assert_eq!(EgressProxy::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_excepted_is_asked_directly() {
        let except = EgressPolicy::parse("10.0.0.0/8, .corp.internal, receiver").unwrap();
        let proxy = EgressProxy::parse("http://proxy:1").unwrap().except(except);
        let is_for = |host: &str| proxy.is_for(host, host.parse().ok());
        for host in ["10.1.2.3", "a.corp.internal", "receiver"] {
            assert!(!is_for(host), "{host}");
        }
        for host in ["11.1.2.3", "example.com", "a.receiver"] {
            assert!(is_for(host), "{host}");
        }
    }
}
