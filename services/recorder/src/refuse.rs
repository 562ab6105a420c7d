//! Messages that can never become history go to REJECTED, with the reason.

use std::time::Duration;

use posthorn_bus::{Bus, Message, Refused};
use posthorn_chassis::error_chain::chain;
use posthorn_event_schema::Door;

/// When a message whose refusal could not be stored comes again.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// Stores a refusal, then acks the message; a message whose refusal cannot be stored comes again.
pub(crate) async fn refuse(bus: &Bus, message: &Message, code: &'static str, detail: String) {
    let refused = Refused {
        door: Door::Recorder,
        subject: message.subject(),
        code,
        detail,
        trace_id: None,
        input: message.payload().clone(),
    };
    match bus.reject(refused).await {
        Ok(_id) => message.ack().await,
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                "refusal not stored, message given back"
            );
            message.give_back(GIVE_BACK).await;
        }
    }
}
