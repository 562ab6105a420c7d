//! Operational events: an organisation is told of what happens to its endpoints, by webhooks.
//!
//! They are ordinary events of an application that every organisation has, hidden from its list,
//! and take the ordinary way: stream, fan-out, retries, signatures. Their ids are derived from the
//! change, so telling one twice is one event.
//!
//! *Guarantee*: a change is told although this process dies or NATS is away right after it: what
//! was not told is found in PostgreSQL and told later, several changes of one endpoint as one.
//! Shown by `what_was_not_told_is_told_later`.

use std::time::Duration;

use bytes::Bytes;
use posthorn_bus::{Bus, PublishError};
use posthorn_chassis::{Shutdown, error_chain};
use posthorn_event_schema::{
    ApplicationId, EndpointId, Event, EventId, EventMeta, EventType, OrganizationId, SchemaVersion,
    Timestamp, Uid,
};
use posthorn_signing::digest_parts;
use posthorn_store::application::{ApplicationRow, Metadata};
use posthorn_store::endpoint::EndpointRow;
use posthorn_store::operational::Unannounced;
use posthorn_store::{Store, StoreError};
use serde_json::{Value, json};

/// Every event type that there is. *Source*: Svix's operational webhooks, but for
/// `endpoint.failing`, which is our own.
pub(crate) const EVENT_TYPES: [&str; 8] = [
    "endpoint.created",
    "endpoint.updated",
    "endpoint.deleted",
    "endpoint.failing",
    "endpoint.disabled",
    "message.attempt.failing",
    "message.attempt.exhausted",
    "message.attempt.recovered",
];
/// How long history keeps such an event's body.
const RETENTION_HOURS: u32 = 90 * 24;
/// A change is left this long to the request that made it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Changes read at one time.
const PAGE: u16 = 500;

/// The id of an organisation's hidden application: of the KSUIDs' first moment, before any other.
pub(crate) fn application_id(organization: &OrganizationId) -> ApplicationId {
    let digest = digest_parts(&[b"operational events", organization.as_str().as_bytes()]);
    let random = digest
        .first_chunk()
        .expect("a digest is longer than an id's random part");
    ApplicationId::generate(Timestamp::from_unix_micros(0), *random)
}

/// An organisation's hidden application before it is stored.
pub(crate) fn application(organization: &OrganizationId, at: Timestamp) -> ApplicationRow {
    ApplicationRow {
        id: application_id(organization),
        organization: organization.clone(),
        uid: None,
        name: "Operational events".to_owned(),
        throttle_rate: None,
        metadata: Metadata::new(),
        version: 0,
        created_at: at,
        updated_at: at,
        deleted: false,
    }
}

/// What happened to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    Created,
    Updated,
    Deleted,
}

impl Happened {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "endpoint.created",
            Self::Updated => "endpoint.updated",
            Self::Deleted => "endpoint.deleted",
        }
    }
}

/// A committed change of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) happened: Happened,
    pub(crate) organization: OrganizationId,
    pub(crate) application: ApplicationId,
    pub(crate) application_uid: Option<Uid>,
    pub(crate) endpoint: EndpointId,
    pub(crate) endpoint_uid: Option<Uid>,
    /// The endpoint's version after it.
    pub(crate) version: i64,
    pub(crate) at: Timestamp,
}

impl Change {
    pub(crate) fn new(happened: Happened, application: &ApplicationRow, row: &EndpointRow) -> Self {
        Self {
            happened,
            organization: row.organization.clone(),
            application: row.application.clone(),
            application_uid: application.uid.clone(),
            endpoint: row.id.clone(),
            endpoint_uid: row.settings.uid.clone(),
            version: row.version,
            at: row.updated_at,
        }
    }

    fn found(found: Unannounced) -> Self {
        let row = found.endpoint;
        let happened = match found.announced {
            _ if row.deleted => Happened::Deleted,
            0 => Happened::Created,
            _ => Happened::Updated,
        };
        Self {
            happened,
            organization: row.organization,
            application: row.application,
            application_uid: found.application_uid,
            endpoint: row.id,
            endpoint_uid: row.settings.uid,
            version: row.version,
            at: row.updated_at,
        }
    }

    fn event(&self) -> Event {
        let name = self.happened.name();
        let uid = |uid: &Option<Uid>| uid.as_ref().map(|uid| uid.as_str().to_owned());
        let data = json!({
            "appId": self.application.as_str(),
            "appUid": uid(&self.application_uid),
            "endpointId": self.endpoint.as_str(),
            "endpointUid": uid(&self.endpoint_uid),
        });
        let (id, version) = (self.endpoint.as_str(), self.version.to_be_bytes());
        let told = Told {
            organization: &self.organization,
            name,
            at: self.at,
            data,
        };
        told.event(&[id.as_bytes(), &version])
    }
}

/// What an organisation is told.
pub(crate) struct Told<'a> {
    pub(crate) organization: &'a OrganizationId,
    /// The event's type, one of [`EVENT_TYPES`].
    pub(crate) name: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) data: Value,
}

impl Told<'_> {
    /// The event of the hidden application. `subject` and the moment are where its id comes from:
    /// what is told twice is one event.
    pub(crate) fn event(&self, subject: &[&[u8]]) -> Event {
        let mut parts: Vec<&[u8]> = vec![b"operational event"];
        parts.extend(subject);
        let digest = digest_parts(&parts);
        let random = digest
            .first_chunk()
            .expect("a digest is longer than an id's random part");
        let body = json!({"type": self.name, "data": self.data});
        let meta = EventMeta {
            version: SchemaVersion,
            id: EventId::generate_message(self.at, *random),
            organization: self.organization.clone(),
            application: application_id(self.organization),
            event_type: EventType::parse(self.name).expect("our own names are event types"),
            accepted_at: self.at,
            channels: Vec::new(),
            tags: Vec::new(),
            producer_key: None,
            retention_hours: RETENTION_HOURS,
            deliver_at: None,
            expires_at: None,
            ordering_key: None,
            config_revision: None,
            trace_id: None,
        };
        Event {
            meta,
            body: Bytes::from(body.to_string()),
        }
    }
}

/// Why a change was not told yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TellError {
    /// Whether anybody wants to know could not be read, or that it was told not be noted.
    #[error("operational events could not be looked up")]
    Store(#[from] StoreError),
    /// The bus did not take the event.
    #[error("an operational event was not stored")]
    Publish(#[from] PublishError),
}

/// Tells organisations what happens to their endpoints.
#[derive(Clone)]
pub(crate) struct Operational {
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) shutdown: Shutdown,
}

impl Operational {
    /// Tells a change, without the caller waiting for it.
    pub(crate) fn tell(&self, change: Change) {
        let this = self.clone();
        self.shutdown.spawn("operational event", async move {
            if let Err(error) = this.publish(&change).await {
                let reason = error_chain::chain(&error);
                tracing::warn!(reason, "operational event not told, it will be later");
            }
        });
    }

    /// Tells from time to time what was not told, until shutdown.
    pub(crate) async fn run(self, interval: Duration) {
        let work = async {
            loop {
                if let Err(error) = self.catch_up(PATIENCE).await {
                    let reason = error_chain::chain(&error);
                    tracing::warn!(reason, "operational events not told, trying later");
                }
                tokio::time::sleep(interval).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = self.shutdown.requested() => {}
        }
    }

    async fn catch_up(&self, patience: Duration) -> Result<(), TellError> {
        loop {
            let found = self.store.unannounced(patience, PAGE).await?;
            let full = found.len() == usize::from(PAGE);
            for change in found {
                self.publish(&Change::found(change)).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Nobody is told where no endpoint listened when it happened, however late this runs.
    async fn publish(&self, change: &Change) -> Result<(), TellError> {
        let listens = application_id(&change.organization);
        if !self.store.listened(&listens, change.at).await? {
            return Ok(());
        }
        self.bus.publish_event(&change.event()).await?;
        self.store
            .mark_announced(&change.endpoint, change.version)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_event_however_often_it_is_told() {
        let organization = OrganizationId::parse("org_1").unwrap();
        let change = Change {
            happened: Happened::Created,
            organization: organization.clone(),
            application: ApplicationId::parse("app_1").unwrap(),
            application_uid: Some(Uid::parse("shop").unwrap()),
            endpoint: EndpointId::parse("ep_1").unwrap(),
            endpoint_uid: None,
            version: 1,
            at: Timestamp::from_unix_micros(1_764_165_600_000_000),
        };
        let event = change.event();
        assert_eq!(change.event(), event);
        assert_eq!(
            event.body,
            r#"{"data":{"appId":"app_1","appUid":"shop","endpointId":"ep_1","endpointUid":null},"type":"endpoint.created"}"#
        );
        assert_eq!(event.meta.application, application_id(&organization));
        let next = Change {
            version: 2,
            ..change
        };
        assert_ne!(next.event().meta.id, event.meta.id);
        for name in EVENT_TYPES {
            assert!(EventType::parse(name).is_ok());
        }
    }
}
