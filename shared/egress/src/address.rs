//! Which addresses are ordinary ones of the internet.
//!
//! *Source*: IANA's special-purpose address registries for IPv4 and IPv6, and 168.63.129.16, which
//! looks public and is a cloud's internal service address.

use std::net::{IpAddr, Ipv4Addr};

use crate::Cidr;

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

/// Only `2000::/3` is global unicast; these parts of it are not public either.
const GLOBAL_UNICAST_V6: Cidr = Cidr::v6([0x2000, 0, 0, 0], 3);
const DENIED_V6: [Cidr; 4] = [
    Cidr::v6([0x2001, 0, 0, 0], 23),
    Cidr::v6([0x2001, 0x0db8, 0, 0], 32),
    Cidr::v6([0x2002, 0, 0, 0], 16),
    Cidr::v6([0x3fff, 0, 0, 0], 20),
];
/// NAT64's well-known prefix carries an IPv4 address: the verdict is that address's.
const NAT64: Cidr = Cidr::v6([0x0064, 0xff9b, 0, 0], 96);

/// The IPv4 address inside a mapped or NAT64 address, so that no spelling hides it.
#[must_use]
pub fn unwrapped(address: IpAddr) -> IpAddr {
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

/// Whether an address is an ordinary one of the internet, however it is wrapped.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = unwrapped(address);
    match address {
        IpAddr::V4(_) => !DENIED_V4.iter().any(|range| range.contains(address)),
        IpAddr::V6(_) => {
            GLOBAL_UNICAST_V6.contains(address)
                && !DENIED_V6.iter().any(|range| range.contains(address))
        }
    }
}
