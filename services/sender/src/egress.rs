//! Which addresses a customer's URL may lead to. Pure.
//!
//! Endpoints are chosen by strangers, so the sender must not become their way into the operator's
//! network. An address is denied unless it is ordinary public unicast, or the operator allows it.
//!
//! *Source*: IANA's special-purpose address registries for IPv4 and IPv6, and 168.63.129.16, which
//! looks public and is a cloud's internal service address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use posthorn_chassis::env::Env;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/8`, `fc00::/7` or a single address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse().ok()?, bits.parse().ok()?),
            None => {
                let base: IpAddr = text.parse().ok()?;
                (base, if base.is_ipv4() { 32 } else { 128 })
            }
        };
        let widest = if base.is_ipv4() { 32 } else { 128 };
        (bits <= widest).then_some(Self { base, bits })
    }

    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self {
            base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            bits,
        }
    }

    const fn v6(head: [u16; 4], bits: u8) -> Self {
        let [a, b, c, d] = head;
        Self {
            base: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
            bits,
        }
    }

    /// Whether the range contains an address of its own family.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(base) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.bits))
                    .unwrap_or(0);
                u128::from(base) & mask == u128::from(address) & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

const DENIED_V4: [Cidr; 16] = [
    Cidr::v4(0, 0, 0, 0, 8),
    Cidr::v4(10, 0, 0, 0, 8),
    Cidr::v4(100, 64, 0, 0, 10),
    Cidr::v4(127, 0, 0, 0, 8),
    Cidr::v4(168, 63, 129, 16, 32),
    Cidr::v4(169, 254, 0, 0, 16),
    Cidr::v4(172, 16, 0, 0, 12),
    Cidr::v4(192, 0, 0, 0, 24),
    Cidr::v4(192, 0, 2, 0, 24),
    Cidr::v4(192, 88, 99, 0, 24),
    Cidr::v4(192, 168, 0, 0, 16),
    Cidr::v4(198, 18, 0, 0, 15),
    Cidr::v4(198, 51, 100, 0, 24),
    Cidr::v4(203, 0, 113, 0, 24),
    Cidr::v4(224, 0, 0, 0, 4),
    Cidr::v4(240, 0, 0, 0, 4),
];

/// Only 2000::/3 is global unicast; these parts of it are not public either.
const GLOBAL_UNICAST_V6: Cidr = Cidr::v6([0x2000, 0, 0, 0], 3);
const DENIED_V6: [Cidr; 4] = [
    Cidr::v6([0x2001, 0, 0, 0], 23),
    Cidr::v6([0x2001, 0x0db8, 0, 0], 32),
    Cidr::v6([0x2002, 0, 0, 0], 16),
    Cidr::v6([0x3fff, 0, 0, 0], 20),
];
/// NAT64's well-known prefix carries an IPv4 address: the verdict is that address's.
const NAT64: Cidr = Cidr::v6([0x0064, 0xff9b, 0, 0], 96);

/// What the operator allows beyond the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    ranges: Vec<Cidr>,
    hosts: Vec<String>,
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
            } else if item
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.'))
            {
                policy.hosts.push(item.to_ascii_lowercase());
            } else {
                return None;
            }
        }
        Some(policy)
    }

    /// Whether a host is allowed by its name, whatever it resolves to.
    #[must_use]
    pub fn allows_host(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Whether an address may be contacted.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = unwrap_embedded(address);
        self.ranges.iter().any(|range| range.contains(address)) || is_public(address)
    }
}

/// The IPv4 address inside a mapped or NAT64 address, so that no spelling hides it.
fn unwrap_embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    if NAT64.contains(address) {
        let [.., a, b, c, d] = v6.octets();
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    address
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !DENIED_V4.iter().any(|range| range.contains(address)),
        IpAddr::V6(_) => {
            GLOBAL_UNICAST_V6.contains(address)
                && !DENIED_V6.iter().any(|range| range.contains(address))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        for bad in ["10.0.0.0/33", "a b", "http://x"] {
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
            let embedded = unwrap_embedded(IpAddr::V6(v6)).is_ipv4();
            prop_assert!(embedded || !allows(&v6.to_string()));
        }
    }
}
