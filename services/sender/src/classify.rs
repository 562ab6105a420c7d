//! What an answer means. Pure; causes are found by type, never by text.

use std::error::Error;
use std::io;

use h2::Reason;
use hyper_util::client::legacy;
use posthorn_event_schema::FailureClass;

use crate::answer::Answer;
use crate::lanes::Sign;
use crate::resolver::ResolveError;
use crate::tunnel::TunnelError;

/// Why an answer is a failure; `None` when it is a success, which only 2xx is.
#[must_use]
pub fn failure(answer: &Answer) -> Option<FailureClass> {
    match answer {
        Answer::Failed { class, .. } => Some(*class),
        Answer::Http { status, .. } => match status {
            200..=299 => None,
            300..=399 => Some(FailureClass::Redirect),
            400..=499 => Some(FailureClass::Status4xx),
            500..=599 => Some(FailureClass::Status5xx),
            _ => Some(FailureClass::StatusOther),
        },
    }
}

/// What an answer says about how much its endpoint can take.
#[must_use]
pub fn sign(answer: &Answer) -> Sign {
    match (answer, failure(answer)) {
        (_, None) => Sign::Accepted,
        (
            Answer::Http {
                status: 429 | 500..=599,
                ..
            },
            _,
        ) => Sign::Overloaded,
        (Answer::Http { .. }, _) => Sign::Refused,
        // Nobody was asked.
        (_, Some(FailureClass::BlockedAddress | FailureClass::Request)) => Sign::Nothing,
        // Also one without a token: who is not let through is not asked all the time.
        (Answer::Failed { .. }, _) => Sign::Silent,
    }
}

/// The class of a transport error, and the same in words fit for the customer.
#[must_use]
pub fn transport(error: &legacy::Error) -> (FailureClass, String) {
    let class = class_of(error);
    (class, words(class, error))
}

/// Whether a receiver says that it has not processed a request, which is then safe to repeat.
///
/// *Source*: RFC 9113, section 8.7.
#[must_use]
pub fn is_unprocessed(error: &legacy::Error) -> bool {
    let Some(error) = cause::<h2::Error>(error).filter(|error| error.is_remote()) else {
        return false;
    };
    let shuts_down = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    shuts_down || refused
}

/// What is wrong with the way out, when that is the reason: a failure of ours.
#[must_use]
pub(crate) fn ours(error: &legacy::Error) -> Option<&TunnelError> {
    cause::<TunnelError>(error).filter(|tunnel| tunnel.class().is_none())
}

fn class_of(error: &legacy::Error) -> FailureClass {
    if let Some(class) = cause::<TunnelError>(error).and_then(TunnelError::class) {
        return class;
    }
    if let Some(resolve) = cause::<ResolveError>(error) {
        return match resolve {
            ResolveError::Blocked => FailureClass::BlockedAddress,
            ResolveError::Lookup(_) | ResolveError::Timeout => FailureClass::Dns,
        };
    }
    if tls_cause(error).is_some() {
        return FailureClass::Tls;
    }
    if let Some(hyper) = cause::<hyper::Error>(error) {
        if hyper.is_parse() || hyper.is_parse_too_large() || hyper.is_parse_status() {
            return FailureClass::Protocol;
        }
        // Cancelled is a request whose connection ended before it was sent.
        if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() {
            return FailureClass::Reset;
        }
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => FailureClass::Refused,
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => FailureClass::Reset,
        Some(io::ErrorKind::TimedOut) => FailureClass::Timeout,
        _ if error.is_connect() => FailureClass::Connect,
        _ => FailureClass::Protocol,
    }
}

fn words(class: FailureClass, error: &legacy::Error) -> String {
    match class {
        FailureClass::Dns => "the host name did not resolve".to_owned(),
        FailureClass::Connect => "the connection could not be opened".to_owned(),
        FailureClass::Refused => "the connection was refused".to_owned(),
        FailureClass::Reset => "the connection broke before an answer came".to_owned(),
        FailureClass::Tls => match tls_cause(error) {
            Some(cause) => format!("the TLS handshake failed: {cause}"),
            None => "the TLS handshake failed".to_owned(),
        },
        FailureClass::Timeout => "no complete answer came in time".to_owned(),
        FailureClass::BlockedAddress => "address not allowed".to_owned(),
        FailureClass::Request => "the request could not be built".to_owned(),
        FailureClass::Auth => "no token could be had".to_owned(),
        FailureClass::Protocol
        | FailureClass::Redirect
        | FailureClass::Status4xx
        | FailureClass::Status5xx
        | FailureClass::StatusOther => "the answer is not valid HTTP".to_owned(),
    }
}

/// The first cause of a type, also inside the `io::Error`s that wrap other errors.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        next = inner(current).or_else(|| current.source());
    }
    None
}

fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(wrapped)
}

fn tls_cause(error: &legacy::Error) -> Option<&rustls::Error> {
    cause::<rustls::Error>(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Kept;

    #[test]
    fn only_2xx_is_a_success() {
        let http = |status| {
            failure(&Answer::Http {
                status,
                body: Kept::default(),
                retry_after: None,
                wish: None,
            })
        };
        for status in [200, 201, 204, 299] {
            assert_eq!(http(status), None, "{status}");
        }
        assert_eq!(http(301), Some(FailureClass::Redirect));
        assert_eq!(http(410), Some(FailureClass::Status4xx));
        assert_eq!(http(503), Some(FailureClass::Status5xx));
        for status in [100, 199, 600, 999] {
            assert_eq!(http(status), Some(FailureClass::StatusOther), "{status}");
        }
    }
}
