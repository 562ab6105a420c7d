//! What can go wrong between us and NATS. All of it is *ours*: no endpoint is to blame.

use std::sync::Arc;

use async_nats::jetstream;

type Cause = Box<dyn std::error::Error + Send + Sync>;
/// Several outcomes in one message fail for the same reason.
type SharedCause = Arc<dyn std::error::Error + Send + Sync>;

/// Why NATS could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No connection within the time allowed.
    #[error("cannot connect to NATS at {url}")]
    Connect {
        /// Where.
        url: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The server lacks features that Posthorn relies on.
    #[error("nats-server {found} is too old: Posthorn needs {needed} or newer")]
    ServerTooOld {
        /// Its version.
        found: String,
        /// The oldest that does.
        needed: &'static str,
    },
    /// A stream, consumer or bucket could not be created or brought up to date.
    #[error("cannot set up {what}")]
    Setup {
        /// Which.
        what: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// Nobody said whether a stream, consumer or bucket is there: the answer did not come, or the right
    /// to ask is missing.
    #[error("cannot look for {what}")]
    Look {
        /// Which.
        what: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A stream, consumer or bucket that another service makes is not there.
    #[error("{what} does not exist, and {maker} has not made it in time: is {maker} running?")]
    NotMade {
        /// Which.
        what: String,
        /// The service that makes it.
        maker: &'static str,
    },
    /// A request to JetStream failed.
    #[error("cannot {doing}")]
    Request {
        /// What was asked.
        doing: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The connection was closed for good.
    #[error("the connection to NATS is closed")]
    Closed,
    /// A stored value is not what this build expects.
    #[error("the stored {what} cannot be read")]
    Value {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
}

impl BusError {
    /// Whether JetStream did not answer, or could not yet: a cluster without a leader does either.
    pub(crate) fn is_unanswered(&self) -> bool {
        let (Self::Setup { cause, .. } | Self::Look { cause, .. } | Self::Request { cause, .. }) =
            self
        else {
            return false;
        };
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(cause.as_ref());
        while let Some(cause) = next {
            if let Some(error) = cause.downcast_ref::<jetstream::context::RequestError>() {
                use jetstream::context::RequestErrorKind::{NoResponders, TimedOut};
                return matches!(error.kind(), TimedOut | NoResponders);
            }
            if let Some(error) = cause.downcast_ref::<jetstream::context::CreateStreamError>() {
                use jetstream::context::CreateStreamErrorKind::{
                    JetStream, JetStreamUnavailable, TimedOut,
                };
                match error.kind() {
                    TimedOut | JetStreamUnavailable => return true,
                    JetStream(error) => return is_leaderless(&error),
                    _ => {}
                }
            }
            if let Some(error) = cause.downcast_ref::<jetstream::stream::ConsumerError>() {
                use jetstream::stream::ConsumerErrorKind::{JetStream, TimedOut};
                match error.kind() {
                    TimedOut => return true,
                    JetStream(error) => return is_leaderless(&error),
                    _ => {}
                }
            }
            if let Some(error) = cause.downcast_ref::<jetstream::Error>() {
                return is_leaderless(error);
            }
            next = cause.source();
        }
        false
    }

    pub(crate) fn setup(what: impl Into<String>) -> impl FnOnce(Cause) -> Self {
        let what = what.into();
        move |cause| Self::Setup { what, cause }
    }

    pub(crate) fn look(what: impl Into<String>) -> impl FnOnce(Cause) -> Self {
        let what = what.into();
        move |cause| Self::Look { what, cause }
    }

    pub(crate) fn request<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Cause>,
    {
        move |cause| Self::Request {
            doing,
            cause: cause.into(),
        }
    }
}

/// Whether a cluster has no leader yet.
fn is_leaderless(error: &jetstream::Error) -> bool {
    error.error_code() == jetstream::ErrorCode::CLUSTER_NOT_AVAILABLE
}

/// Why a message was not stored, as far as we know.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// No ack came in time: NATS is away, or its store is full. The message may still have been
    /// stored; repeating it is safe.
    #[error("JetStream did not acknowledge the message in time")]
    Unavailable(#[source] SharedCause),
    /// The message is larger than the server or the stream allows. Repeating it is pointless.
    #[error("the message is larger than NATS allows")]
    TooLarge(#[source] SharedCause),
    /// The store refused the message: the stream is at its limit.
    #[error("the stream is full")]
    Full(#[source] SharedCause),
}

/// JetStream API error codes. *Source*: nats-server's `server/errors.json`.
mod code {
    /// `JSStreamMessageExceedsMaximumErr`.
    pub(super) const MESSAGE_EXCEEDS_MAXIMUM: u64 = 10054;
    /// `JSStreamStoreFailedF`: what `discard: new` answers at the limit.
    pub(super) const STORE_FAILED: u64 = 10077;
    /// `JSInsufficientResourcesErr`.
    pub(super) const INSUFFICIENT_RESOURCES: u64 = 10023;
}

impl PublishError {
    pub(crate) fn from_nats(error: jetstream::context::PublishError) -> Self {
        use jetstream::context::PublishErrorKind;
        if matches!(error.kind(), PublishErrorKind::MaxPayloadExceeded) {
            return Self::TooLarge(Arc::new(error));
        }
        match api_code(&error) {
            Some(code::MESSAGE_EXCEEDS_MAXIMUM) => Self::TooLarge(Arc::new(error)),
            Some(code::STORE_FAILED | code::INSUFFICIENT_RESOURCES) => Self::Full(Arc::new(error)),
            _ => Self::Unavailable(Arc::new(error)),
        }
    }

    /// Nobody can tell whether the message was stored.
    pub fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(cause))
    }

    /// Whether repeating the publish may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::TooLarge(_) => false,
        }
    }
}

/// The JetStream error code somewhere below an error, found by type.
fn api_code(error: &(dyn std::error::Error + 'static)) -> Option<u64> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(api) = cause.downcast_ref::<jetstream::Error>() {
            return Some(api.error_code().0);
        }
        next = cause.source();
    }
    None
}
