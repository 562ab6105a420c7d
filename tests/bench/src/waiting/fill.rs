//! Fills the waiting room as senders do after attempts that failed, without the attempts: a million of
//! them would take an hour.

use std::collections::VecDeque;

use anyhow::Context;
use async_nats::jetstream;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{
    ApplicationId, AttemptNumber, DeliveryId, DeliveryJob, EndpointId, EventId, EventType, JobMeta,
    OrganizationId, SchemaVersion, Timestamp, Trigger,
};
use std::time::Duration;

use crate::traffic::Customer;
use crate::world::World;

/// Publishes on their way.
const WINDOW: usize = 512;
/// From acceptance to the last attempt.
const DELIVERY_WINDOW: Duration = Duration::from_secs(48 * 3_600);

/// Deliveries that wait for an attempt.
pub(crate) struct Filling {
    /// The number of the first one; they are numbered on from there.
    pub(crate) first: u32,
    /// How many.
    pub(crate) count: u32,
    /// The attempt they wait for.
    pub(crate) attempt: u16,
    /// When it is due.
    pub(crate) due: Timestamp,
    /// Bytes of the event, at least.
    pub(crate) payload: usize,
}

/// Stores them, one after the other for each customer in turn.
///
/// *Guarantee*: all are stored when it returns.
///
/// # Errors
/// When JetStream refuses one.
pub(crate) async fn fill(
    world: &World,
    customers: &[Customer],
    filling: &Filling,
) -> anyhow::Result<()> {
    let client = async_nats::connect(world.nats.url()).await?;
    let jetstream = jetstream::new(client);
    let mut on_their_way: VecDeque<PublishAckFuture> = VecDeque::new();
    let numbers = filling.first..filling.first + filling.count;
    for (number, customer) in numbers.zip(customers.iter().cycle()) {
        let job = job(customer, number, filling)?;
        let lane = WaitingSubject {
            lane: Lane::attempt(job.meta.attempt, Duration::from_secs(600)),
            endpoint: job.meta.endpoint.clone(),
        };
        let message = PublishMessage::build()
            .payload(job.encode())
            .message_id(job.meta.dedup_id());
        let sent = jetstream.send_publish(lane.to_string(), message).await?;
        on_their_way.push_back(sent);
        if on_their_way.len() > WINDOW
            && let Some(first) = on_their_way.pop_front()
        {
            first.await.context("a delivery was not stored")?;
        }
    }
    for sent in on_their_way {
        sent.await.context("a delivery was not stored")?;
    }
    Ok(())
}

fn job(customer: &Customer, number: u32, filling: &Filling) -> anyhow::Result<DeliveryJob> {
    let now = posthorn_e2e::settings::now();
    let event = EventId::parse(&format!("late-{number}"))?;
    let endpoint = EndpointId::parse(&customer.endpoint)?;
    let filler = "x".repeat(filling.payload.saturating_sub(30));
    Ok(DeliveryJob {
        meta: JobMeta {
            version: SchemaVersion,
            delivery: DeliveryId::scheduled(&event, &endpoint),
            event,
            organization: OrganizationId::parse(posthorn_e2e::settings::ORGANIZATION)?,
            application: ApplicationId::parse(&customer.application)?,
            endpoint,
            event_type: EventType::parse("a")?,
            accepted_at: now,
            callback: None,
            deliver_at: None,
            expires_at: None,
            order: None,
            order_within: 0,
            line: None,
            deadline: now.plus(DELIVERY_WINDOW),
            attempt: AttemptNumber::new(filling.attempt),
            trigger: Trigger::Scheduled,
            bulk: false,
            not_before: filling.due,
        },
        body: Bytes::from(format!(r#"{{"n":{number},"filler":"{filler}"}}"#)),
    })
}
