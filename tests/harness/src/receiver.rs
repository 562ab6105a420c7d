//! An endpoint of a customer: answers by script and remembers every request as it came.
//!
//! Its own HTTP/1.1 on bare TCP, because a test wants what a proper server hides or prevents:
//! header names as they were spelled, their order, connections by number, and answers that no
//! proper server gives (a reset, half a body, a body without end).
//!
//! | Request | Answered by |
//! | --- | --- |
//! | a path with a script, see [`Receiver::set`] | that script |
//! | any other path | the default, 200 unless set otherwise |

mod answer;
mod behaviour;
mod connection;
mod request;
mod state;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    panic::Location,
    sync::Arc,
    time::Duration,
};

pub use behaviour::Behaviour;
use posthorn_local_servers::port::free_port;
pub use request::Received;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};

use state::State;

use crate::failure::OrFail;

/// Connections that may wait to be accepted; a benchmark opens thousands at once.
const BACKLOG: u32 = 4096;

/// How often a port that turned out to be taken is replaced by another one.
const PORT_TRIES: u32 = 5;

/// A running receiver on `127.0.0.1`; dropping it closes every connection.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinSet<()>,
}

impl Receiver {
    /// Starts a receiver on a free port that answers every request with 200.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start() -> Self {
        let mut listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port())));
        for _ in 1..PORT_TRIES {
            if listener.is_ok() {
                break;
            }
            listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port())));
        }
        let listener = listener.or_fail("listen");
        let address = listener.local_addr().or_fail("read the receiver's address");
        let mut receiver = Self {
            address,
            state: Arc::default(),
            server: JoinSet::new(),
        };
        receiver.serve(listener);
        receiver
    }

    /// The URL of a path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on answers requests to `path` with `behaviour`; its counting starts anew.
    ///
    /// Requests that are being answered keep their old behaviour.
    pub fn set(&self, path: &str, behaviour: Behaviour) {
        self.state.set(path, behaviour);
    }

    /// From now on answers requests to paths without a script of their own with `behaviour`.
    pub fn set_default(&self, behaviour: Behaviour) {
        self.state.set_default(behaviour);
    }

    /// Every request to `path` so far, in the order of arrival; its query string does not matter.
    #[must_use]
    pub fn received(&self, path: &str) -> Vec<Arc<Received>> {
        self.state.received(path)
    }

    /// How many requests to `path` have come so far; cheaper than to fetch them.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.state.count(path)
    }

    /// How many requests have come so far, to all paths.
    #[must_use]
    pub fn total(&self) -> usize {
        self.state.total()
    }

    /// How many requests to `path` were being answered at once, at most.
    #[must_use]
    pub fn most_at_once(&self, path: &str) -> usize {
        self.state.most_at_once(path)
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state.connections()
    }

    /// Forgets the requests so far; the scripts stay as they are.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Waits until `path` has had at least `count` requests, and returns all it has had.
    ///
    /// # Panics
    /// After `timeout`, with what came instead.
    #[track_caller]
    pub fn wait_for(
        &self,
        path: &str,
        count: usize,
        timeout: Duration,
    ) -> impl Future<Output = Vec<Arc<Received>>> {
        let what = format!("{count} requests to {path}");
        let caller = Location::caller();
        async move {
            let wait = self.state.until(|| self.count(path) >= count);
            if tokio::time::timeout(timeout, wait).await.is_err() {
                panic!(
                    "{caller}: not within {timeout:?}: {what}; came: {}",
                    self.state.summary()
                );
            }
            self.received(path)
        }
    }

    /// Refuses connections from now on and closes those that are open, as an endpoint that is down.
    pub async fn close(&mut self) {
        self.server.shutdown().await;
    }

    /// Listens again on the same port, after [`Receiver::close`].
    ///
    /// # Panics
    /// When the port was taken in the meantime.
    pub async fn reopen(&mut self) {
        self.close().await;
        let listener = listen(self.address).or_fail("listen again");
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        self.server
            .spawn(connection::accept(listener, Arc::clone(&self.state)));
    }
}

fn port() -> u16 {
    // Not port 0: a receiver that is closed for a while must get its port back.
    free_port().or_fail("find a port")
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
