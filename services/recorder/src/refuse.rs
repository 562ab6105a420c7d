//! Messages that can never become history go to REJECTED, with the reason.

use std::time::Duration;

use bytes::Bytes;
use posthorn_bus::{Bus, Message};
use posthorn_chassis::error_chain::chain;
use posthorn_chassis::{clock, entropy, metric};
use posthorn_event_schema::{
    Door, Rejection, RejectionId, RejectionMeta, SchemaVersion, Timestamp,
};

/// When a message whose refusal could not be stored comes again.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// Stores a refusal, then acks the message; a message whose refusal cannot be stored comes again.
pub(crate) async fn refuse(bus: &Bus, message: &Message, code: &'static str, detail: String) {
    let at = Timestamp::from_unix_micros(clock::unix_micros());
    let meta = RejectionMeta {
        version: SchemaVersion,
        id: RejectionId::generate(at, entropy::bytes()),
        at,
        door: Door::Recorder,
        subject: message.subject().to_owned(),
        code: code.to_owned(),
        detail,
        trace_id: None,
    };
    let mut rejection = Rejection {
        meta,
        input: message.payload().clone(),
    };
    let mut stored = bus.publish_rejection(&rejection).await;
    if stored.as_ref().is_err_and(|error| !error.is_transient()) {
        // With the reason added it is too large: the reason alone is better than nothing.
        rejection.input = Bytes::new();
        stored = bus.publish_rejection(&rejection).await;
    }
    match stored {
        Ok(_) => {
            let labels = [("door", Door::Recorder.as_str()), ("code", code)];
            metric::Counter::EventsRejected.add(1, &labels);
            let detail = rejection.meta.detail;
            tracing::error!(subject = message.subject(), code, detail, "message refused");
            message.ack().await;
        }
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                "refusal not stored, message given back"
            );
            message.give_back(GIVE_BACK).await;
        }
    }
}
