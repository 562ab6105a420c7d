//! Keeping refused input with its reason.

use posthorn_bus::{Bus, PublishError};
use posthorn_chassis::{clock, entropy, metric};
use posthorn_event_schema::{
    Door, Rejection, RejectionId, RejectionMeta, SchemaVersion, Timestamp,
};

use crate::nats_event::{Input, Refusal};

/// Publishes refused input on REJECTED.
///
/// *Guarantee*: after `Ok` the input and its reason are stored.
///
/// # Errors
/// See [`PublishError`]; the input must then be kept where it is.
pub(crate) async fn reject(
    bus: &Bus,
    door: Door,
    input: Input<'_>,
    refusal: &Refusal,
    trace_id: Option<String>,
) -> Result<(), PublishError> {
    let at = Timestamp::from_unix_micros(clock::unix_micros());
    let meta = RejectionMeta {
        version: SchemaVersion,
        id: RejectionId::generate(at, entropy::bytes()),
        at,
        door,
        subject: input.subject.to_owned(),
        code: refusal.code().to_owned(),
        detail: refusal.to_string(),
        trace_id,
    };
    let rejection = Rejection {
        meta,
        input: bytes::Bytes::copy_from_slice(input.payload),
    };
    bus.publish_rejection(&rejection).await?;
    let labels = [("door", door.as_str()), ("code", refusal.code())];
    metric::Counter::EventsRejected.add(1, &labels);
    tracing::info!(
        door = door.as_str(),
        code = refusal.code(),
        detail = %refusal,
        posthorn.rejection.id = %rejection.meta.id,
        "input rejected"
    );
    Ok(())
}
