//! Look-ups at a name server of the test's own, in place of the system's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use posthorn_sender::resolver::Lookup;
use tokio::net::UdpSocket;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// Asks a name server for the IPv4 and IPv6 addresses of a name, each time anew.
pub(crate) fn at(server: SocketAddr) -> Lookup {
    Arc::new(move |host| {
        Box::pin(async move {
            let mut addresses = ask(server, &host, TYPE_A).await?;
            addresses.extend(ask(server, &host, TYPE_AAAA).await?);
            Ok(addresses)
        })
    })
}

async fn ask(server: SocketAddr, host: &str, kind: u16) -> io::Result<Vec<IpAddr>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server).await?;
    socket.send(&question(host, kind)).await?;
    let mut answer = vec![0; 64 * 1024];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    if answer.get(3).is_some_and(|flags| flags & 0x0f != 0) {
        return Err(io::ErrorKind::NotFound.into());
    }
    addresses(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// *Source*: RFC 1035, section 4.1.
fn question(host: &str, kind: u16) -> Vec<u8> {
    // Recursion desired, one question.
    let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

/// The addresses in an answer, whose records each begin with a pointer of two bytes.
fn addresses(answer: &[u8]) -> Option<Vec<IpAddr>> {
    let count = u16::from_be_bytes([*answer.get(6)?, *answer.get(7)?]);
    let end_of_name = 12 + answer.get(12..)?.iter().position(|byte| *byte == 0)?;
    let mut rest = answer.get(end_of_name + 5..)?;
    let mut addresses = Vec::new();
    for _ in 0..count {
        let length = usize::from(u16::from_be_bytes([*rest.get(10)?, *rest.get(11)?]));
        let data = rest.get(12..12 + length)?;
        addresses.push(match length {
            4 => Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into(),
            _ => Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into(),
        });
        rest = &rest[12 + length..];
    }
    Some(addresses)
}
