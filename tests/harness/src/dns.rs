//! A name server of the test's own: answers by script over UDP and counts what it was asked.
//!
//! Every answer has a TTL of zero, so that nobody may keep it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::UdpSocket, task::JoinSet};

use crate::failure::OrFail;

/// Larger than any question.
const MAX_BYTES: usize = 1232;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// A pointer to the name of the question, which follows the head of 12 bytes.
const SAME_NAME: [u8; 2] = [0xc0, 12];

/// How a question is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsAnswer {
    /// With those of these addresses that are of the kind asked for.
    Addresses(Vec<IpAddr>),
    /// There is no such name (NXDOMAIN).
    NoSuchName,
    /// The name server failed (SERVFAIL).
    Failure,
    /// Not at all.
    Silence,
}

/// A running name server on `127.0.0.1`; dropping it ends it.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    names: Arc<Mutex<HashMap<String, Name>>>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Name {
    /// One after the other, and then from the beginning.
    answers: Vec<DnsAnswer>,
    /// Questions so far, by type.
    asked: HashMap<u16, usize>,
}

impl DnsServer {
    /// Starts a name server that knows no name.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = socket.or_fail("bind a name server");
        let address = socket.local_addr().or_fail("read its address");
        let names = Arc::default();
        let mut server = JoinSet::new();
        server.spawn(serve(socket, Arc::clone(&names)));
        Self {
            address,
            names,
            _server: server,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on answers questions for a name so, one answer after the other, again and again.
    pub fn set(&self, name: &str, answers: Vec<DnsAnswer>) {
        let asked = HashMap::new();
        lock(&self.names).insert(name.to_ascii_lowercase(), Name { answers, asked });
    }

    /// How often the IPv4 addresses of a name were asked for since its answers were set.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        let names = lock(&self.names);
        let name = names.get(&name.to_ascii_lowercase());
        name.and_then(|name| name.asked.get(&TYPE_A).copied())
            .unwrap_or(0)
    }
}

async fn serve(socket: UdpSocket, names: Arc<Mutex<HashMap<String, Name>>>) {
    let mut question = [0; MAX_BYTES];
    // An error is that of a client that went away.
    while let Ok((length, client)) = socket.recv_from(&mut question).await {
        let Some(answer) = answer(&question[..length], &names) else {
            continue;
        };
        let _gone: io::Result<usize> = socket.send_to(&answer, client).await;
    }
}

/// *Source*: RFC 1035, section 4.1.
fn answer(message: &[u8], names: &Mutex<HashMap<String, Name>>) -> Option<Vec<u8>> {
    let (name, after_name) = read_name(message)?;
    let question = message.get(12..after_name + 4)?;
    let kind = u16::from_be_bytes([message[after_name], message[after_name + 1]]);
    let (code, addresses) = match next(&mut lock(names), &name, kind) {
        DnsAnswer::Addresses(addresses) => (0, addresses),
        DnsAnswer::NoSuchName => (3, Vec::new()),
        DnsAnswer::Failure => (2, Vec::new()),
        DnsAnswer::Silence => return None,
    };
    let records: Vec<Vec<u8>> = addresses
        .into_iter()
        .filter_map(|address| record(kind, address))
        .collect();
    let count = u16::try_from(records.len()).ok()?.to_be_bytes();
    let mut answer = message[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1]);
    answer.extend(count);
    answer.extend([0; 4]);
    answer.extend(question);
    answer.extend(records.concat());
    Some(answer)
}

fn next(names: &mut HashMap<String, Name>, name: &str, kind: u16) -> DnsAnswer {
    let Some(name) = names.get_mut(name) else {
        return DnsAnswer::NoSuchName;
    };
    let asked = name.asked.entry(kind).or_default();
    let number = *asked % name.answers.len().max(1);
    *asked += 1;
    name.answers
        .get(number)
        .cloned()
        .unwrap_or(DnsAnswer::NoSuchName)
}

/// The name that is asked for, and where it ends.
fn read_name(message: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}

fn record(kind: u16, address: IpAddr) -> Option<Vec<u8>> {
    let data = match address {
        IpAddr::V4(address) if kind == TYPE_A => address.octets().to_vec(),
        IpAddr::V6(address) if kind == TYPE_AAAA => address.octets().to_vec(),
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    let mut record = SAME_NAME.to_vec();
    record.extend(kind.to_be_bytes());
    // Class IN, and a TTL of zero.
    record.extend([0, 1, 0, 0, 0, 0]);
    record.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    record.extend(data);
    Some(record)
}

fn lock(names: &Mutex<HashMap<String, Name>>) -> MutexGuard<'_, HashMap<String, Name>> {
    // Nothing in here is left half-done by a panic.
    names.lock().unwrap_or_else(PoisonError::into_inner)
}
