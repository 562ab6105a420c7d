//! An HTTP server that costs little, for receivers: with TLS or without.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(10);
/// Requests that a connection of HTTP/2 may have open: as many as anybody sends.
const STREAMS: u32 = 4_096;

/// Answers every request of every connection until it is dropped.
pub(crate) async fn serve<F, R>(listener: TcpListener, tls: Option<TlsAcceptor>, answer: F)
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Empty<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // A connection without the option works as well.
        stream.set_nodelay(true).ok();
        // How a connection ends is the sender's choice.
        match &tls {
            None => connections.spawn(serve_plain(stream, answer.clone())),
            Some(tls) => connections.spawn(serve_tls(stream, tls.clone(), answer.clone())),
        };
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_plain<F, R>(stream: TcpStream, answer: F)
where
    F: Fn(Request<Incoming>) -> R + Send + 'static,
    R: Future<Output = Response<Empty<Bytes>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answering = answer(request);
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.await.ok();
}

async fn serve_tls<F, R>(stream: TcpStream, tls: TlsAcceptor, answer: F)
where
    F: Fn(Request<Incoming>) -> R + Send + 'static,
    R: Future<Output = Response<Empty<Bytes>>> + Send + 'static,
{
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| {
        let answering = answer(request);
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(STREAMS);
        builder.serve_connection(stream, service).await.ok();
    } else {
        let connection = http1::Builder::new().serve_connection(stream, service);
        connection.await.ok();
    }
}
