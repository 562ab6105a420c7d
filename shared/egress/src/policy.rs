//! What an operator allows beyond the public internet.

use std::net::IpAddr;

use posthorn_chassis::env::Env;

use crate::{Cidr, is_public, unwrapped};

/// What the operator allows beyond the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    ranges: Vec<Cidr>,
    names: Vec<String>,
}

impl EgressPolicy {
    /// Reads `POSTHORN_EGRESS_ALLOW`: ranges and host names, separated by commas.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let expected = "ranges (10.0.0.0/8), addresses and host names, separated by commas";
        env.parsed(
            "POSTHORN_EGRESS_ALLOW",
            Self::default(),
            expected,
            Self::parse,
        )
    }

    /// Reads a list of ranges and host names, separated by commas.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut policy = Self::default();
        for item in text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            if let Some(range) = Cidr::parse(item) {
                policy.ranges.push(range);
            } else if item.trim_start_matches('.').split('.').all(is_label) {
                policy.names.push(item.to_ascii_lowercase());
            } else {
                return None;
            }
        }
        Some(policy)
    }

    /// Whether a host is allowed by its name, whatever it resolves to. A listed name that begins
    /// with a dot stands for all names below it.
    #[must_use]
    pub fn allows_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let fits = |name: &String| host == *name || (name.starts_with('.') && host.ends_with(name));
        self.names.iter().any(fits)
    }

    /// Whether an address may be contacted: it is public, or the operator lists it.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.lists(address) || is_public(address)
    }

    /// Whether the operator lists an address.
    #[must_use]
    pub fn lists(&self, address: IpAddr) -> bool {
        let inner = unwrapped(address);
        let contains = |range: &Cidr| range.contains(address) || range.contains(inner);
        self.ranges.iter().any(contains)
    }
}

/// Whether a text is a part of a host name; underscores are common in private networks.
fn is_label(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (1..=63).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn allows(text: &str) -> bool {
        EgressPolicy::default().allows(text.parse().unwrap())
    }

    #[test]
    fn what_must_be_denied_is_denied_also_mapped_into_ipv6() {
        let v4 = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ];
        for address in v4 {
            assert!(!allows(address), "{address}");
            assert!(!allows(&format!("::ffff:{address}")), "mapped {address}");
            assert!(!allows(&format!("64:ff9b::{address}")), "NAT64 {address}");
        }
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "::ffff:0:7f00:1",
            "::5efe:7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allows(address), "{address}");
        }
    }

    #[test]
    fn what_must_be_allowed_is_allowed() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.254",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.88.98.255",
            "192.88.100.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2001:200::1",
            "3fff:1000::1",
        ] {
            assert!(allows(address), "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_ranges_and_hosts() {
        let policy = EgressPolicy::parse("127.0.0.0/8, ::1 ,Receiver.Internal").unwrap();
        assert!(policy.allows("127.1.2.3".parse().unwrap()));
        assert!(policy.allows("::ffff:127.0.0.1".parse().unwrap()));
        assert!(policy.allows("::1".parse().unwrap()));
        assert!(!policy.allows("10.0.0.1".parse().unwrap()));
        assert!(policy.allows_host("receiver.internal") && !policy.allows_host("internal"));
        let below = EgressPolicy::parse(".svc").unwrap();
        assert!(below.allows_host("a.SVC") && !below.allows_host("svc"));
        assert!(EgressPolicy::parse("web_1.corp").is_some_and(|p| p.allows_host("Web_1.corp")));
        for bad in ["10.0.0.0/33", "a b", "http://x", "a..b", "."] {
            assert_eq!(EgressPolicy::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_embedded_address_has_the_verdict_of_the_address_itself(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let verdict = allows(&v4.to_string());
            prop_assert_eq!(verdict, allows(&format!("::ffff:{v4}")));
            prop_assert_eq!(verdict, allows(&format!("64:ff9b::{v4}")));
        }

        #[test]
        fn nothing_outside_global_unicast_is_public(bits: u128) {
            let v6 = Ipv6Addr::from(bits & (u128::MAX >> 3));
            let embedded = unwrapped(IpAddr::V6(v6)).is_ipv4();
            prop_assert!(embedded || !allows(&v6.to_string()));
        }
    }
}
