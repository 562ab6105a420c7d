//! Choosing a free port on the loopback address.
//!
//! Not port 0: the system would hand out an *ephemeral* port, and while a server is down between
//! stop and restart, any outgoing connection may take such a port as its own source port (a client
//! that reconnects in a loop even connects to itself). Ports below the ephemeral range stay free.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::{Ipv4Addr, TcpListener},
};

use crate::error::Error;

/// Below the ephemeral ranges of Linux (from 32768) and macOS (from 49152).
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// How many ports are tried before we give up.
const TRIES: u32 = 200;

/// Finds a port on 127.0.0.1 that nobody listens on and that no outgoing connection will take.
///
/// It is not reserved: a server that finds it taken after all has to ask for another.
///
/// # Errors
/// [`Error::NoPort`] when no random port out of many could be bound.
pub fn free_port() -> Result<u16, Error> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let port = random_port();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_listener) => return Ok(port),
            Err(refused) => last = refused,
        }
    }
    Err(Error::NoPort(last))
}

/// Whether somebody listens on this port of 127.0.0.1.
pub(crate) fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

fn random_port() -> u16 {
    // Every `RandomState` has new keys, so that an empty hash is a random number.
    let random = RandomState::new().build_hasher().finish();
    let offset = random % u64::from(RANGE.end - RANGE.start);
    RANGE.start + u16::try_from(offset).expect("the offset is smaller than a u16 range")
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, net::TcpListener};

    use super::{RANGE, free_port};

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let ports: HashSet<u16> = (0..20).map(|_| free_port().unwrap()).collect();
        assert!(ports.len() > 10, "{ports:?}");
        for port in ports {
            assert!(RANGE.contains(&port));
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
    }
}
