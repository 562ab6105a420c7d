//! Ways into the fleet, and a producer that takes any of them.

use anyhow::Context;
use async_nats::jetstream;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use clap::ValueEnum;
use posthorn_event_schema::{
    ApplicationId, Event, EventId, EventMeta, EventType, OrganizationId, SchemaVersion, Timestamp,
    subject,
};
use serde_json::Value;

use crate::http::Connection;
use crate::world::Site;

/// A way into the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Door {
    /// The limit: an awaited publish on EVENTS.
    Bare,
    /// `GET /livez` of the same process: what HTTP costs on this machine.
    Alive,
    /// `POST …/msg` of a message that is refused: what HTTP, the token and reading cost.
    Refused,
    /// `POST …/msg`.
    Post,
    /// `POST …/msg` with an idempotency key, as SDKs send it.
    PostWithKey,
    /// `POST …/events`.
    Native,
    /// A NATS request on `posthorn.publish.<app>`.
    Request,
    /// A JetStream publish on `posthorn.events.<app>.<type>`.
    Publish,
}

pub(crate) const DOORS: [Door; 8] = [
    Door::Bare,
    Door::Alive,
    Door::Refused,
    Door::Post,
    Door::PostWithKey,
    Door::Native,
    Door::Request,
    Door::Publish,
];

impl Door {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare publish on EVENTS",
            Self::Alive => "GET /livez",
            Self::Refused => "POST /msg, refused",
            Self::Post => "POST /msg",
            Self::PostWithKey => "POST /msg with a key",
            Self::Native => "POST /events",
            Self::Request => "NATS request",
            Self::Publish => "NATS publish",
        }
    }
}

/// Sends events, each with its own id, through any door.
pub(crate) struct Producer {
    http: Connection,
    /// What only a fleet of ours has.
    ours: Option<Ours>,
    number: u32,
    /// Events that were sent.
    pub(crate) sent: u32,
}

struct Ours {
    admin: Connection,
    nats: async_nats::Client,
    jetstream: jetstream::Context,
}

impl Producer {
    pub(crate) async fn new(site: &Site, number: u32) -> anyhow::Result<Self> {
        let ours = match &site.ours {
            None => None,
            Some(doors) => {
                let nats = &doors.nats[number as usize % doors.nats.len()];
                Some(Ours {
                    admin: Connection::open(&doors.admin_url, "").await?,
                    jetstream: jetstream::new(nats.clone()),
                    nats: nats.clone(),
                })
            }
        };
        Ok(Self {
            http: Connection::open(&site.ingest_url, &site.token).await?,
            ours,
            number,
            sent: 0,
        })
    }

    /// Sends an event to an application, and waits until it is accepted.
    ///
    /// # Errors
    /// When it is refused, or there is no such door.
    pub(crate) async fn send(
        &mut self,
        door: Door,
        application: &ApplicationId,
        payload: &str,
    ) -> anyhow::Result<()> {
        self.sent += u32::from(!matches!(door, Door::Refused | Door::Alive));
        let app = application.as_str();
        match door {
            Door::Refused => {
                let path = format!("/api/v1/app/{app}/msg");
                let body = format!(r#"{{"eventType":"no type","payload":{payload}}}"#);
                self.http.post(&path, None, body.into(), 422).await?;
            }
            Door::Post | Door::PostWithKey => {
                let path = format!("/api/v1/app/{app}/msg");
                let body = format!(r#"{{"eventType":"a","payload":{payload}}}"#);
                let key = format!("key-{}-{}", self.number, self.sent);
                let key = (door == Door::PostWithKey).then_some(key.as_str());
                self.http.post(&path, key, body.into(), 202).await?;
            }
            Door::Native => {
                let path = format!("/api/v1/app/{app}/events");
                let body = format!(r#"{{"type":"a","data":{payload}}}"#);
                self.http.post(&path, None, body.into(), 202).await?;
            }
            Door::Bare | Door::Alive | Door::Request | Door::Publish => {
                let number = (self.number, self.sent);
                let ours = self.ours.as_mut();
                let ours = ours.context("only a fleet of ours has this door")?;
                ours.send(door, application, payload, number).await?;
            }
        }
        Ok(())
    }
}

impl Ours {
    async fn send(
        &mut self,
        door: Door,
        application: &ApplicationId,
        payload: &str,
        number: (u32, u32),
    ) -> anyhow::Result<()> {
        let app = application.as_str();
        match door {
            Door::Alive => self.admin.get("/livez").await?,
            Door::Request => {
                let body = format!(r#"{{"type":"a","data":{payload}}}"#);
                let subject = format!("posthorn.publish.{app}");
                let answer = self.nats.request(subject, body.into()).await?;
                let answer: Value = serde_json::from_slice(&answer.payload)?;
                anyhow::ensure!(answer["id"].is_string(), "refused: {answer}");
            }
            Door::Publish => {
                let subject = format!("posthorn.events.{app}.a");
                let body = Bytes::from(format!(r#"{{"data":{payload}}}"#));
                self.jetstream.publish(subject, body).await?.await?;
            }
            _ => {
                self.publish_bare(&event(application, payload, number))
                    .await?;
            }
        }
        Ok(())
    }

    /// What ingest does at the end, without anything before it.
    async fn publish_bare(&self, event: &Event) -> anyhow::Result<()> {
        let message = PublishMessage::build()
            .payload(event.encode())
            .message_id(event.dedup_id());
        let subject = subject::event(&event.meta.application);
        self.jetstream.send_publish(subject, message).await?.await?;
        Ok(())
    }
}

fn event(application: &ApplicationId, payload: &str, (producer, number): (u32, u32)) -> Event {
    let now = posthorn_e2e::settings::now();
    let id = format!("bare-{producer}-{number}");
    Event {
        meta: meta(application, &id, now),
        body: Bytes::from(payload.to_owned()),
    }
}

fn meta(application: &ApplicationId, id: &str, now: Timestamp) -> EventMeta {
    EventMeta {
        version: SchemaVersion,
        id: EventId::parse(id).expect("a good id"),
        organization: OrganizationId::parse(posthorn_e2e::settings::ORGANIZATION)
            .expect("a good id"),
        application: application.clone(),
        event_type: EventType::parse("a").expect("a good name"),
        accepted_at: now,
        channels: Vec::new(),
        tags: Vec::new(),
        producer_key: None,
        retention_hours: 2_160,
        trace_id: None,
        deliver_at: None,
        expires_at: None,
        ordering_key: None,
        config_revision: None,
    }
}
