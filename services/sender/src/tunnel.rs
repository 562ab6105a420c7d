//! A connection through the operator's proxy, and whose fault it is when there is none.
//!
//! What the proxy says of the receiver is the receiver's: an attempt failed. Whatever else keeps the
//! proxy from opening a connection is ours: nothing was asked, and the delivery is kept.

use std::time::Duration;

use http::Uri;
use httparse::{EMPTY_HEADER, Response, Status};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use posthorn_chassis::BoxError;
use posthorn_event_schema::FailureClass;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::egress_proxy::EgressProxy;

/// Longest head of the proxy's answer, in bytes.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Most headers in it.
const MAX_HEADERS: usize = 64;

/// Why there is no connection through the proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    /// Ours: it cannot be reached.
    #[error("the egress proxy cannot be reached")]
    Unreachable(#[source] BoxError),
    /// Ours: it cannot be reached in time.
    #[error("the egress proxy cannot be reached in time")]
    Late,
    /// Ours: it gave no answer that could be read.
    #[error("the egress proxy gave no valid answer")]
    NoAnswer,
    /// Ours: it does not let us through, or has failed itself.
    #[error("the egress proxy answered {0}")]
    Refused(u16),
    /// Theirs: it says that the receiver cannot be reached, or must not be.
    #[error("the egress proxy cannot reach the receiver")]
    Receiver(FailureClass),
}

impl TunnelError {
    /// What it says of the receiver; `None` when the failure is ours.
    pub(crate) fn class(&self) -> Option<FailureClass> {
        match self {
            Self::Receiver(class) => Some(*class),
            Self::Unreachable(_) | Self::Late | Self::NoAnswer | Self::Refused(_) => None,
        }
    }
}

/// Opens a connection to what a URL names, through the proxy. Dialling the proxy may take `patience`;
/// how long it may dial on, the attempt's deadline says.
///
/// # Errors
/// [`TunnelError`].
pub(crate) async fn open(
    proxy: &EgressProxy,
    mut tcp: HttpConnector,
    uri: &Uri,
    patience: Duration,
) -> Result<TokioIo<TcpStream>, TunnelError> {
    let dialling = timeout(patience, tcp.call(proxy.uri.clone())).await;
    let dialled = dialling.map_err(|_elapsed| TunnelError::Late)?;
    let opened = dialled.map_err(|error| TunnelError::Unreachable(error.into()))?;
    let mut stream = opened.into_inner();
    let asked = stream.write_all(&request(proxy, uri)).await;
    asked.map_err(|error| TunnelError::Unreachable(error.into()))?;
    read_answer(&mut stream).await?;
    Ok(TokioIo::new(stream))
}

/// *Source*: RFC 9110, section 9.3.6.
fn request(proxy: &EgressProxy, uri: &Uri) -> Vec<u8> {
    let port = if uri.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let (host, port) = (
        uri.host().unwrap_or_default(),
        uri.port_u16().unwrap_or(port),
    );
    let mut head =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n").into_bytes();
    if let Some(value) = &proxy.authorization {
        head.extend_from_slice(b"proxy-authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

async fn read_answer(stream: &mut TcpStream) -> Result<(), TunnelError> {
    let mut head = Vec::with_capacity(512);
    loop {
        let room = MAX_HEAD_BYTES.saturating_sub(head.len());
        let read = (&mut *stream).take(room as u64).read_buf(&mut head).await;
        match read {
            Ok(0) | Err(_) => return Err(TunnelError::NoAnswer),
            Ok(_) => {}
        }
        if let Some(verdict) = judge(&head) {
            return verdict;
        }
    }
}

/// What the beginning of an answer means; `None` when more of it must be read.
fn judge(head: &[u8]) -> Option<Result<(), TunnelError>> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let length = match response.parse(head) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return None,
        Err(_) => return Some(Err(TunnelError::NoAnswer)),
    };
    let said = response.headers.iter();
    let said = said
        .filter(|header| header.name.eq_ignore_ascii_case("proxy-status"))
        .find_map(|header| std::str::from_utf8(header.value).ok());
    let status = response.code.unwrap_or_default();
    Some(match (status, blame(status, said)) {
        // Who speaks before it is spoken to is no tunnel to what we asked for.
        (200..=299, _) if length < head.len() => Err(TunnelError::NoAnswer),
        (200..=299, _) => Ok(()),
        (_, Some(class)) => Err(TunnelError::Receiver(class)),
        (status, None) => Err(TunnelError::Refused(status)),
    })
}

/// What a refusal says of the receiver; `None` when it says nothing, and the failure is ours.
///
/// *Source*: RFC 9209, section 2.3, for the words of `Proxy-Status`; without them the statuses by which
/// common proxies tell that the receiver is not there (503, 504) or not allowed (403). 407 and 502 are
/// between the proxy and us.
fn blame(status: u16, proxy_status: Option<&str>) -> Option<FailureClass> {
    let error = proxy_status.and_then(|text| text.split_once("error="));
    let error = error.map(|(_, rest)| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    });
    match (error, status) {
        (Some("dns_error" | "dns_timeout"), _) => Some(FailureClass::Dns),
        (Some("connection_refused"), _) => Some(FailureClass::Refused),
        (Some("connection_timeout"), _) | (None, 504) => Some(FailureClass::Timeout),
        (Some("destination_ip_prohibited" | "http_request_denied"), _) | (None, 403) => {
            Some(FailureClass::BlockedAddress)
        }
        (
            Some(
                "destination_not_found"
                | "destination_unavailable"
                | "destination_ip_unroutable"
                | "connection_terminated",
            ),
            _,
        )
        | (None, 503) => Some(FailureClass::Connect),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_is_told_the_host_and_the_port_and_nothing_else() {
        let proxy = EgressProxy::parse("http://me:x@proxy:1").unwrap();
        for (uri, place) in [
            ("https://a.example/x?y", "a.example:443"),
            ("http://a.example", "a.example:80"),
            ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
        ] {
            let expected = format!(
                "CONNECT {place} HTTP/1.1\r\nhost: {place}\r\nproxy-authorization: Basic bWU6eA==\r\n\r\n"
            );
            let text = request(&proxy, &uri.parse().unwrap());
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn only_what_is_said_of_the_receiver_is_the_receivers() {
        for (status, said, class) in [
            (407, None, None),
            (502, None, None),
            (500, None, None),
            (429, None, None),
            (403, None, Some(FailureClass::BlockedAddress)),
            (503, None, Some(FailureClass::Connect)),
            (504, None, Some(FailureClass::Timeout)),
            (
                502,
                Some("p; error=dns_error; rcode=\"NXDOMAIN\""),
                Some(FailureClass::Dns),
            ),
            (
                502,
                Some("p;error=connection_refused"),
                Some(FailureClass::Refused),
            ),
            (503, Some("p; error=proxy_internal_error"), None),
            (503, Some("p; error=proxy_configuration_error"), None),
        ] {
            assert_eq!(blame(status, said), class, "{status} {said:?}");
        }
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_no_further() {
        let open = b"HTTP/1.1 200 Connection established\r\nvia: p\r\n\r\n";
        assert!(matches!(judge(open), Some(Ok(()))));
        for cut in 0..open.len() {
            assert!(judge(&open[..cut]).is_none(), "{cut}");
        }
        let early = [&open[..], b"SSH-2.0"].concat();
        assert!(matches!(judge(&early), Some(Err(TunnelError::NoAnswer))));
        assert!(matches!(
            judge(b"SSH-2.0 x\r\n"),
            Some(Err(TunnelError::NoAnswer))
        ));
        let refused = judge(b"HTTP/1.1 407 No\r\ncontent-length: 3\r\n\r\nno!");
        assert!(matches!(refused, Some(Err(TunnelError::Refused(407)))));
    }
}
