//! A public HTTP server: bound when a process is built, served when it runs, drained at its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use posthorn_chassis::{Shutdown, metric};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at one time; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 8_192;
/// A request's head must have come within this time: a caller that drips is cut off. It is also how
/// long an idle connection is kept, so it is longer than the 60 s of common load balancers.
const HEAD_DEADLINE: Duration = Duration::from_secs(75);
/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Pause after a connection could not be taken, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that is bound and not yet serving.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpServer {
    /// Binds the address; port 0 picks a free one.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown, then takes no more requests and waits for those under way.
    pub async fn serve(self, router: Router, shutdown: Shutdown) {
        let connections = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = shutdown.requested() => break,
            };
            match accepted {
                Ok((stream, place)) => serve_one(stream, place, &router, &connections, &shutdown),
                Err(error) => {
                    tracing::warn!(error = %error, "connection not taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        connections.shutdown().await;
    }
}

/// Takes a place, then a connection.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    if places.available_permits() == 0 {
        metric::Counter::LimitReached.add(1, &[("limit", "http_connections")]);
    }
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _peer) = listener.accept().await?;
    Ok((stream, place))
}

fn serve_one(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: &Router,
    connections: &GracefulShutdown,
    shutdown: &Shutdown,
) {
    // Small answers should not wait for more; a connection without the option works as well.
    stream.set_nodelay(true).ok();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = TowerToHyperService::new(router.clone());
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = connections.watch(connection);
    shutdown.spawn("http connection", async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "connection ended early");
        }
        drop(place);
    });
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_request_under_way_is_answered_at_the_end() {
        let server = HttpServer::bind((Ipv4Addr::LOCALHOST, 0).into())
            .await
            .unwrap();
        let address = server.local_addr();
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        };
        let shutdown = Shutdown::new();
        let router = Router::new().route("/slow", get(slow));
        let serving = shutdown.spawn("server", server.serve(router, shutdown.clone()));

        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        shutdown.trigger();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();

        assert!(answer.ends_with("done"), "{answer}");
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
