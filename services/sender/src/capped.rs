//! Ends a connection that sends more than is ever read of an answer.
//!
//! An HTTP/1 receiver may send interim answers (1xx) without end, and nobody above learns of them:
//! they would cost a processor until the attempt's deadline. So the bytes themselves are counted,
//! from one request to the next. HTTP/2 is left alone: it has limits of its own, and many answers
//! share a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use posthorn_chassis::BoxError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::answer::MAX_READ_BYTES;
use crate::client::MAX_HEAD_BYTES;
use crate::connector::Guarded;

/// The longest answer, with everything around it: as much as is read of its head and of its body.
const MAX_ANSWER_BYTES: usize = MAX_HEAD_BYTES + MAX_READ_BYTES;

type Opened = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A receiver sent more than [`MAX_ANSWER_BYTES`] in answer to one request.
#[derive(Debug, thiserror::Error)]
#[error("the answer is too long")]
struct TooLong;

/// Opens connections that end when an answer is too long.
#[derive(Clone)]
pub(crate) struct Capped(pub(crate) HttpsConnector<Guarded>);

impl Service<Uri> for Capped {
    type Response = TokioIo<CappedStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async { Ok(TokioIo::new(CappedStream::new(connecting.await?))) })
    }
}

/// A connection that counts what comes in answer to a request.
pub(crate) struct CappedStream {
    stream: TokioIo<Opened>,
    is_http2: bool,
    /// Bytes since something was sent.
    answer_bytes: usize,
}

impl CappedStream {
    fn new(opened: Opened) -> Self {
        Self {
            is_http2: opened.connected().is_negotiated_h2(),
            stream: TokioIo::new(opened),
            answer_bytes: 0,
        }
    }

    fn stream(&mut self) -> Pin<&mut TokioIo<Opened>> {
        Pin::new(&mut self.stream)
    }
}

impl Connection for CappedStream {
    fn connected(&self) -> Connected {
        self.stream.inner().connected()
    }
}

impl AsyncRead for CappedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer_bytes >= MAX_ANSWER_BYTES && !self.is_http2 {
            return Poll::Ready(Err(io::Error::other(TooLong)));
        }
        let before = buffer.filled().len();
        let read = self.stream().poll_read(context, buffer);
        self.answer_bytes += buffer.filled().len() - before;
        read
    }
}

impl AsyncWrite for CappedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answer_bytes = 0;
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answer_bytes = 0;
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
