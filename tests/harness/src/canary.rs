//! A listener that nobody may ever reach: it counts who does.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{net::TcpListener, task::JoinSet};

use crate::failure::OrFail;

/// A listener that counts connections and closes them; dropping it ends it.
#[derive(Debug)]
pub struct Canary {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Canary {
    /// Listens on all addresses of this machine, of IPv6 where it has such.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn everywhere() -> Self {
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).await {
            Ok(listener) => Self::on(listener),
            Err(_no_ipv6) => Self::at((Ipv4Addr::UNSPECIFIED, 0).into()).await,
        }
    }

    /// Listens on one address.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn at(address: SocketAddr) -> Self {
        Self::on(TcpListener::bind(address).await.or_fail("bind a canary"))
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().or_fail("read the canary's address");
        let connections = Arc::<AtomicUsize>::default();
        let mut server = JoinSet::new();
        server.spawn(count(listener, Arc::clone(&connections)));
        Self {
            address,
            connections,
            _server: server,
        }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections came.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn count(listener: TcpListener, connections: Arc<AtomicUsize>) {
    // What cannot be accepted is not counted, and the listener is of no use any more.
    while let Ok((_closed_at_once, _client)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
    }
}
