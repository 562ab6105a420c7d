//! Who receives a delivery.

use std::sync::Arc;

use posthorn_event_schema::EndpointSnapshot;

use crate::endpoint::Prepared;
use crate::own_tls::OwnTls;
use crate::retry::RetrySchedule;
use crate::token::OAuth;

/// Who receives a delivery.
pub(crate) enum Receiver {
    Endpoint(Arc<EndpointSnapshot>, Arc<Prepared>),
    /// The URL that the event itself names.
    Callback(String),
}

impl Receiver {
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Endpoint(snapshot, _) => &snapshot.url,
            Self::Callback(url) => url,
        }
    }

    /// A callback has no endpoint that could be disabled.
    pub(crate) fn snapshot(&self) -> Option<&EndpointSnapshot> {
        match self {
            Self::Endpoint(snapshot, _) => Some(snapshot),
            Self::Callback(_) => None,
        }
    }

    /// TLS of the endpoint's own.
    pub(crate) fn tls(&self) -> Option<&OwnTls> {
        match self {
            Self::Endpoint(_, prepared) => prepared.tls.as_ref(),
            Self::Callback(_) => None,
        }
    }

    /// The client whose tokens the endpoint wants.
    pub(crate) fn oauth(&self) -> Option<&OAuth> {
        match self {
            Self::Endpoint(_, prepared) => prepared.oauth.as_ref(),
            Self::Callback(_) => None,
        }
    }

    pub(crate) fn schedule(&self) -> Option<&RetrySchedule> {
        match self {
            Self::Endpoint(_, prepared) => prepared.schedule.as_ref(),
            Self::Callback(_) => None,
        }
    }

    pub(crate) fn rate(&self) -> Option<u16> {
        match self {
            Self::Endpoint(snapshot, _) => snapshot.throttle_rate,
            Self::Callback(_) => None,
        }
    }
}
