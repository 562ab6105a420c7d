//! Keeping refused input with its reason.

use bytes::Bytes;
use posthorn_bus::{Bus, PublishError, Refused, trace_context};
use posthorn_event_schema::Door;

use crate::nats_event::{Input, Refusal};

/// Publishes refused input on REJECTED, with the trace of the current span.
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
) -> Result<(), PublishError> {
    let refused = Refused {
        door,
        subject: input.subject,
        code: refusal.code(),
        detail: refusal.detail(),
        trace_id: trace_context::trace_id(&tracing::Span::current()),
        input: Bytes::copy_from_slice(input.payload),
    };
    bus.reject(refused).await.map(drop)
}
