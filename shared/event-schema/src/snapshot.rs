//! The configuration that the hot path reads: one KV entry per application and per endpoint.
//!
//! `api` writes entries after its commit; ingest, fanout and sender watch them.
//! An entry per endpoint, not one per application, keeps every value small however many endpoints
//! an application has (NATS' limit is 1 MiB a message).
//! A deleted object stays as an entry with `deleted`, so that a late writer with an older version
//! cannot bring it back.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ApplicationId, Channel, ClientCertificate, EndpointId, EventType, OAuthClient, OrganizationId,
    SchemaVersion, Timestamp, Uid,
};

/// The key of an entry in the KV bucket `config`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SnapshotKey {
    /// `app.<application>`.
    Application(ApplicationId),
    /// `ep.<application>.<endpoint>`.
    Endpoint(ApplicationId, EndpointId),
    /// `type.<organisation>.<event type>`; the type's own dots are part of the key.
    EventType(OrganizationId, EventType),
}

impl SnapshotKey {
    /// Reads a key; `None` for one that this build does not know.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        if let Some(rest) = key.strip_prefix("type.") {
            let (organization, name) = rest.split_once('.')?;
            let organization = OrganizationId::parse(organization).ok()?;
            return Some(Self::EventType(organization, EventType::parse(name).ok()?));
        }
        let mut parts = key.split('.');
        let known = match (parts.next()?, parts.next()?, parts.next()) {
            ("app", app, None) => Self::Application(ApplicationId::parse(app).ok()?),
            ("ep", app, Some(endpoint)) => Self::Endpoint(
                ApplicationId::parse(app).ok()?,
                EndpointId::parse(endpoint).ok()?,
            ),
            _ => return None,
        };
        parts.next().is_none().then_some(known)
    }
}

impl fmt::Display for SnapshotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(app) => write!(f, "app.{app}"),
            Self::Endpoint(app, endpoint) => write!(f, "ep.{app}.{endpoint}"),
            Self::EventType(organization, name) => {
                write!(f, "type.{organization}.{}", name.as_str())
            }
        }
    }
}

/// What ingest, fanout and senders need to know of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplicationSnapshot {
    /// Schema version.
    #[serde(rename = "v")]
    pub schema: SchemaVersion,
    /// The application.
    pub id: ApplicationId,
    /// Its owner.
    pub organization: OrganizationId,
    /// The customer's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// Deliveries per second that all its endpoints together may get; `None` = as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_rate: Option<u16>,
    /// Counts changes; a lower one never replaces a higher one.
    pub version: i64,
    /// It was deleted.
    #[serde(default)]
    pub deleted: bool,
}

/// What fanout and sender need to know of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSnapshot {
    /// Schema version.
    #[serde(rename = "v")]
    pub schema: SchemaVersion,
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Counts changes; a lower one never replaces a higher one.
    pub version: i64,
    /// It was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// Where it receives.
    pub url: String,
    /// It receives nothing for now.
    #[serde(default)]
    pub disabled: bool,
    /// The types that it receives; `None` = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Vec<EventType>>,
    /// The channels that it receives; `None` = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<Channel>>,
    /// Its signing secrets, the current one first, then those still in their grace period.
    pub secrets: Vec<SealedSecret>,
    /// The customer's own headers: a sealed JSON object of strings, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_headers: Option<String>,
    /// The user name and password of its URL (`user:password`), sealed, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_credentials: Option<String>,
    /// The certificate that it wants to see of whoever sends to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// Roots that its server's certificate may be signed by, beside the public ones, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_roots: Option<String>,
    /// The client whose tokens it wants to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthClient>,
    /// Scheduled deliveries of events accepted before this end without another request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_before: Option<Timestamp>,
    /// Whatever was put into the waiting room before this is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// Its own waits between attempts in milliseconds; `None` = the deployment's schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_waits_ms: Option<Vec<u64>>,
    /// Most deliveries per second; `None` = as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_rate: Option<u16>,
    /// It gets its deliveries one at a time, in the order in which their events were accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fifo: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it like this"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// What the fleet needs to know of an event type that has a retry schedule or a time to live of its
/// own, or had one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventTypeSnapshot {
    /// Schema version.
    #[serde(rename = "v")]
    pub schema: SchemaVersion,
    /// Whose event type it is.
    pub organization: OrganizationId,
    /// Its name.
    pub name: EventType,
    /// Grows with each change; a lower one never replaces a higher one.
    pub version: i64,
    /// Its waits between attempts in milliseconds; `None` = the deployment's schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_waits_ms: Option<Vec<u64>>,
    /// How long after its acceptance an event is of interest, in seconds; `None` = for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live: Option<u32>,
}

/// A signing secret that only `api` and `sender` can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The sealed text (`whsec_…`), in base64.
    pub sealed: String,
    /// When a rotated secret stops signing; `None` for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_strangers_are_ignored() {
        for text in ["app.app_1", "ep.app_1.ep_2", "type.org_1.file.deleted"] {
            assert_eq!(SnapshotKey::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "app",
            "app.ep_1",
            "ep.app_1",
            "ep.app_1.ep_2.x",
            "type.org_1",
            "type.app_1.a",
            "type.org_1.a..b",
        ] {
            assert_eq!(SnapshotKey::parse(text), None, "{text}");
        }
    }
}
