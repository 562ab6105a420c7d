//! Shares of an application's rate, asked for and given ([`posthorn_event_schema::slots`]).

use std::time::Duration;

use async_nats::HeaderMap;
use posthorn_event_schema::slots::{SlotsGiven, SlotsWanted};
use posthorn_event_schema::{Partition, subject};

use crate::requests::{Request, Requests};
use crate::{Bus, BusError};

/// How long an answer is waited for: the owner of a partition answers from memory.
const PATIENCE: Duration = Duration::from_secs(1);

/// Those who share out rates; of two owners in a hand-over one answers.
const GROUP: &str = "slots";

/// What a partition's owner is asked.
pub struct SlotRequests(Requests);

/// One question.
pub struct SlotRequest {
    request: Request,
    /// What is wanted.
    pub wanted: SlotsWanted,
}

impl Bus {
    /// Asks the owner of the application's partition; nothing is stored.
    ///
    /// # Errors
    /// [`BusError::Request`] when nobody owns it, or no answer comes within a second;
    /// [`BusError::Value`] when the answer is none.
    pub async fn ask_for_slots(&self, wanted: &SlotsWanted) -> Result<SlotsGiven, BusError> {
        let partition = Partition::of_application(&wanted.application);
        let value = |cause| BusError::Value {
            what: "slots",
            cause,
        };
        let question = serde_json::to_vec(wanted).map_err(value)?;
        let request = async_nats::Request::new()
            .payload(question.into())
            .timeout(Some(PATIENCE));
        let asked = self
            .client
            .send_request(subject::slots_of(partition), request);
        let answer = asked.await.map_err(BusError::request("ask for slots"))?;
        serde_json::from_slice(&answer.payload).map_err(value)
    }

    /// Serves what is asked of a partition's owner, until dropped.
    ///
    /// # Errors
    /// [`BusError::Request`] when the subscription cannot be made.
    pub async fn slot_requests(&self, partition: Partition) -> Result<SlotRequests, BusError> {
        let requests = self.requests(&subject::slots_of(partition), GROUP).await?;
        Ok(SlotRequests(requests))
    }
}

impl SlotRequests {
    /// The next question that can be read; `None` once the connection is closed for good.
    pub async fn next(&mut self) -> Option<SlotRequest> {
        loop {
            let request = self.0.next().await?;
            match serde_json::from_slice(request.payload()) {
                Ok(wanted) => return Some(SlotRequest { request, wanted }),
                Err(error) => tracing::warn!(error = %error, "a request for slots is unreadable"),
            }
        }
    }
}

impl SlotRequest {
    /// Answers.
    pub async fn give(&self, given: SlotsGiven) {
        match serde_json::to_vec(&given) {
            Ok(answer) => self.request.answer(HeaderMap::new(), answer.into()).await,
            Err(error) => tracing::error!(error = %error, "slots cannot be written"),
        }
    }
}
