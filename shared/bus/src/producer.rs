//! Publishing as any producer does: on INBOX's subjects, with an ack and a key.
//!
//! The fleet itself never does; a check of the whole fleet from outside does.

use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;

use crate::{Bus, PublishError};

impl Bus {
    /// Publishes a producer's bytes on `posthorn.events.<app>.<type>` and waits for the ack.
    ///
    /// *Guarantee*: after `Ok` the event is stored; publishing again with the same key makes no
    /// second event.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn offer(
        &self,
        application: &str,
        event_type: &str,
        key: &str,
        body: impl Into<Bytes>,
    ) -> Result<(), PublishError> {
        let subject = format!("posthorn.events.{application}.{event_type}");
        let message = PublishMessage::build().payload(body.into()).message_id(key);
        self.send_message(subject, message)
            .await?
            .stored()
            .await
            .map(drop)
    }
}
