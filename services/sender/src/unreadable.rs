//! Deliveries that this build cannot read are kept aside with the reason.

use bytes::Bytes;
use posthorn_bus::{Bus, Refused};
use posthorn_chassis::error_chain;
use posthorn_event_schema::{Door, FrameError};

/// Moves an unreadable delivery to REJECTED; tells whether it is stored there.
pub(crate) async fn set_aside(
    bus: &Bus,
    subject: &str,
    payload: &Bytes,
    error: &FrameError,
) -> bool {
    let refused = Refused {
        door: Door::Sender,
        subject,
        code: "unreadable_job",
        detail: error_chain::chain(error),
        trace_id: None,
        input: payload.clone(),
    };
    let stored = bus.reject(refused).await;
    if let Err(error) = &stored {
        tracing::warn!(error = %error, "rejection not stored, the delivery stays where it is");
    }
    stored.is_ok()
}
