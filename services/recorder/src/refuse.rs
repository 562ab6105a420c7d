//! Records that can never become history go to REJECTED, with the reason.

use bytes::Bytes;
use posthorn_bus::{Bus, Refused};
use posthorn_chassis::error_chain::chain;
use posthorn_event_schema::Door;

/// Stores a refusal; tells whether it is stored.
pub(crate) async fn refuse(
    bus: &Bus,
    subject: &str,
    input: Bytes,
    code: &'static str,
    detail: String,
) -> bool {
    let refused = Refused {
        door: Door::Recorder,
        subject,
        code,
        detail,
        trace_id: None,
        input,
    };
    let stored = bus.reject(refused).await;
    if let Err(error) = &stored {
        let error = chain(error);
        tracing::warn!(error, "refusal not stored, the message is given back");
    }
    stored.is_ok()
}
