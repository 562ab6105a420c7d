//! Deliveries that this build cannot read are kept aside with the reason.

use bytes::Bytes;
use posthorn_bus::Bus;
use posthorn_chassis::{entropy, error_chain, metric};
use posthorn_event_schema::{
    Door, FrameError, Rejection, RejectionId, RejectionMeta, SchemaVersion,
};

use crate::partition::now;

/// Moves an unreadable delivery to REJECTED; tells whether it is stored there.
pub(crate) async fn set_aside(
    bus: &Bus,
    subject: &str,
    payload: &Bytes,
    error: &FrameError,
) -> bool {
    let detail = error_chain::chain(error);
    tracing::error!(detail, "unreadable delivery moved to rejected");
    let at = now();
    let meta = RejectionMeta {
        version: SchemaVersion,
        id: RejectionId::generate(at, entropy::bytes()),
        at,
        door: Door::Sender,
        subject: subject.to_owned(),
        code: "unreadable_job".to_owned(),
        detail,
        trace_id: None,
    };
    let labels = [("door", Door::Sender.as_str()), ("code", "unreadable_job")];
    metric::Counter::EventsRejected.add(1, &labels);
    let stored = bus
        .publish_rejection(&Rejection {
            meta,
            input: payload.clone(),
        })
        .await;
    if let Err(error) = &stored {
        tracing::warn!(error = %error, "rejection not stored, the delivery stays where it is");
    }
    stored.is_ok()
}
