//! A receiver with HTTP/2, on bare frames: it can refuse a stream, and count what shares a connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::tls_front::{Authority, settings};

/// How long a request is held, so that those that come together are seen together.
const HELD: Duration = Duration::from_millis(100);
/// What an answer without an end sends at a time.
const PIECE: usize = 16 * 1024;

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Request2 {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What the server saw so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// Connections on which a request came.
    pub(crate) connections: usize,
    /// Most requests that one moment had under way.
    pub(crate) most_at_once: usize,
    /// Streams that were refused.
    pub(crate) refused: usize,
    /// Bytes of bodies without an end that the other side took.
    pub(crate) endless_bytes: usize,
    /// Requests that were answered.
    pub(crate) answered: Vec<Request2>,
    under_way: usize,
}

/// `/ok` is answered with 200 after a moment; the first request to `/refused-once` is refused before
/// it is processed; an answer of `/endless` never ends.
pub(crate) struct Http2Server {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _server: JoinSet<()>,
}

impl Http2Server {
    pub(crate) async fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tls = settings(authority, None);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let seen = Arc::<Mutex<Seen>>::default();
        let mut server = JoinSet::new();
        server.spawn(accept(listener, acceptor, Arc::clone(&seen)));
        Self {
            address,
            seen,
            _server: server,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The requests to a path that were answered.
    pub(crate) fn answered(&self, path: &str) -> Vec<Request2> {
        let seen = self.seen();
        let to_path = seen.answered.iter().filter(|request| request.path == path);
        to_path.cloned().collect()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, seen: Arc<Mutex<Seen>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&seen)));
    }
}

/// Serves a connection until it ends, which a client may do at any time.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, seen: Arc<Mutex<Seen>>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    let mut first = true;
    let mut requests = JoinSet::new();
    while let Some(Ok((request, answer))) = connection.accept().await {
        seen.lock().unwrap().connections += usize::from(first);
        first = false;
        requests.spawn(answer_to(request, answer, Arc::clone(&seen)));
    }
}

async fn answer_to(
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    seen: Arc<Mutex<Seen>>,
) {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path().to_owned();
    {
        let mut seen = seen.lock().unwrap();
        if path == "/refused-once" && seen.refused == 0 {
            seen.refused += 1;
            answer.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        seen.under_way += 1;
        seen.most_at_once = seen.most_at_once.max(seen.under_way);
    }
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    tokio::time::sleep(HELD).await;
    {
        let mut seen = seen.lock().unwrap();
        seen.under_way -= 1;
        seen.answered.push(Request2 {
            path: path.clone(),
            headers: head.headers,
            body: bytes,
        });
    }
    let endless = path == "/endless";
    let Ok(stream) = answer.send_response(Response::new(()), !endless) else {
        return;
    };
    if endless {
        pour(stream, &seen).await;
    }
}

/// Sends for as long as the other side takes it.
async fn pour(mut stream: h2::SendStream<Bytes>, seen: &Mutex<Seen>) {
    loop {
        stream.reserve_capacity(PIECE);
        let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await
        else {
            return;
        };
        let piece = Bytes::from(vec![b'x'; room.min(PIECE)]);
        seen.lock().unwrap().endless_bytes += piece.len();
        if stream.send_data(piece, false).is_err() {
            return;
        }
    }
}
