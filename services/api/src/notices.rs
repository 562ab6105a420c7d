//! Tells organisations what the recorder found out: endpoints that were disabled or
//! will be, and deliveries that fail, failed for good, or recovered.
//!
//! *Guarantee*: what was noted is told although this process dies: a notice is deleted only after
//! its event is stored on the bus. Its event's id comes from what it is about, so telling it twice
//! is one event. Shown by `a_notice_that_was_not_told_is_told_later`.

use std::time::Duration;

use posthorn_bus::PublishError;
use posthorn_chassis::error_chain;
use posthorn_event_schema::{Event, Timestamp, Uid};
use posthorn_store::StoreError;
use posthorn_store::operational_notice::{About, Notice};
use serde_json::{Value, json};

use crate::operational::{self, Operational};

/// How often notices are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// When another process may take what this one took: much longer than telling a page takes.
const LEASE: Duration = Duration::from_secs(15);
/// Notices taken at one time.
const PAGE: u16 = 200;

/// Why notices were not told yet.
#[derive(Debug, thiserror::Error)]
enum TellError {
    /// They could not be read, or that they were told not be noted.
    #[error("notices could not be looked up")]
    Store(#[from] StoreError),
    /// The bus did not take an event.
    #[error("an operational event was not stored")]
    Publish(#[from] PublishError),
}

/// Tells what is to be told, until shutdown.
pub(crate) async fn run(operational: Operational) {
    let work = async {
        loop {
            if let Err(error) = tell_all(&operational).await {
                let reason = error_chain::chain(&error);
                tracing::warn!(reason, "operational events not told, trying again");
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = operational.shutdown.requested() => {}
    }
}

async fn tell_all(operational: &Operational) -> Result<(), TellError> {
    loop {
        let notices = operational.store.take_notices(LEASE, PAGE).await?;
        let mut told = Vec::with_capacity(notices.len());
        for notice in &notices {
            operational.bus.publish_event(&event(notice)).await?;
            told.push(notice.id);
        }
        if !told.is_empty() {
            operational.store.forget_notices(&told).await?;
        }
        if notices.len() < usize::from(PAGE) {
            return Ok(());
        }
    }
}

fn event(notice: &Notice) -> Event {
    let told = operational::Told {
        organization: &notice.organization,
        name: &notice.kind,
        at: notice.happened_at,
        data: data(notice),
    };
    told.event(&[notice.kind.as_bytes(), notice.subject.as_bytes()])
}

/// *Source*: Svix's operational webhooks, but for `endpoint.failing`, which is our own.
fn data(notice: &Notice) -> Value {
    let uid = |uid: &Option<Uid>| uid.as_ref().map(|uid| uid.as_str().to_owned());
    match &notice.about {
        About::Disabled { fail_since } => json!({
            "appId": notice.application.as_str(),
            "appUid": uid(&notice.application_uid),
            "endpointId": notice.endpoint.as_str(),
            "endpointUid": uid(&notice.endpoint_uid),
            "failSince": fail_since.to_rfc3339_micros(),
        }),
        About::Failing {
            fail_since,
            disable_at,
        } => json!({
            "appId": notice.application.as_str(),
            "appUid": uid(&notice.application_uid),
            "endpointId": notice.endpoint.as_str(),
            "endpointUid": uid(&notice.endpoint_uid),
            "failingSince": fail_since.to_rfc3339_micros(),
            "disableAt": disable_at.map(Timestamp::to_rfc3339_micros),
        }),
        About::Attempt {
            event,
            producer_key,
            id,
            status,
            started_at,
        } => json!({
            "appId": notice.application.as_str(),
            "appUid": uid(&notice.application_uid),
            "msgId": event.as_str(),
            "msgEventId": producer_key,
            "endpointId": notice.endpoint.as_str(),
            "lastAttempt": {
                "id": id.as_str(),
                "responseStatusCode": status.unwrap_or(0),
                "timestamp": started_at.to_rfc3339_micros(),
            },
        }),
    }
}
