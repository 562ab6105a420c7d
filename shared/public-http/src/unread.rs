//! Bodies that nobody read: an answer may come before its request's body does.
//!
//! What is left of a body stands in the way of the connection's next request. hyper then closes the
//! connection without a word, and a client that has sent its next request meanwhile sees it fail:
//! SDKs of Svix's first generation report that as an error of its own. So a small rest is read and
//! forgotten, and for a large or slow one the answer says that the connection ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONNECTION;
use http_body_util::{BodyExt, Limited};
use tokio::sync::oneshot;

/// Most bytes of a body that are read only to be forgotten.
const MAX_REST_BYTES: usize = 256 * 1024;
/// How long such a rest may take.
const REST_DEADLINE: Duration = Duration::from_secs(1);

/// A body that comes back when its reader drops it before its end.
struct Returning {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

impl http_body::Body for Returning {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let hint = self.body.as_ref().map(http_body::Body::size_hint);
        hint.unwrap_or_else(|| http_body::SizeHint::with_exact(0))
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        let unread = self
            .body
            .take()
            .filter(|body| !http_body::Body::is_end_stream(body));
        if let (Some(body), Some(back)) = (unread, self.back.take()) {
            // Nobody waits for it when the connection is gone.
            drop(back.send(body));
        }
    }
}

/// Answers, and leaves nothing of the request on the connection.
pub(crate) async fn forget(request: Request, next: Next) -> Response {
    let (give, mut take) = oneshot::channel();
    let request = request.map(|body| {
        Body::new(Returning {
            body: Some(body),
            back: Some(give),
        })
    });
    let mut response = next.run(request).await;
    if response.headers().contains_key(CONNECTION) {
        return response;
    }
    if let Ok(rest) = take.try_recv() {
        let rest = Limited::new(rest, MAX_REST_BYTES).collect();
        let forgotten = tokio::time::timeout(REST_DEADLINE, rest).await;
        if !matches!(forgotten, Ok(Ok(_))) {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn serve() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/unread", post(async || "no"))
            .layer(from_fn(forget));
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, routes).await });
        TcpStream::connect(address).await.unwrap()
    }

    async fn answer(connection: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"no") {
            assert_ne!(
                connection.read_buf(&mut text).await.unwrap(),
                0,
                "closed early"
            );
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_connection_goes_on_after_a_body_that_nobody_read() {
        let mut connection = serve().await;
        for _ in 0..3 {
            let head = "POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n";
            connection.write_all(head.as_bytes()).await.unwrap();
            // The route has answered long before the body comes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            connection.write_all(b"hello").await.unwrap();
            assert!(!answer(&mut connection).await.contains("connection: close"));
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_ends_the_connection_in_words() {
        let mut connection = serve().await;
        let head = "POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\nhello";
        connection.write_all(head.as_bytes()).await.unwrap();
        assert!(answer(&mut connection).await.contains("connection: close"));
    }
}
