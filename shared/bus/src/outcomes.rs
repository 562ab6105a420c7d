//! Records for history on their way to OUTCOMES, several in one message while they come fast.

use posthorn_event_schema::batch::Part;
use posthorn_event_schema::{Outcome, TraceHeaders, outcome_lines, subject};

use crate::together::{Alone, Kind};
use crate::{Bus, PublishError};

/// How outcomes travel.
pub(crate) const OUTCOMES: Kind = Kind {
    stream: "outcomes",
    limit: "outcomes_late",
    subject: subject::OUTCOMES,
    join: |parts| {
        let lines: Vec<_> = parts.iter().map(|part| part.frame.clone()).collect();
        outcome_lines::join(&lines)
    },
};

impl Bus {
    /// Publishes a record for history on OUTCOMES.
    ///
    /// *Guarantee*: after `Ok` it will be recorded, whatever dies next.
    ///
    /// # Errors
    /// See [`PublishError`]; after an error it may still be stored, and publishing it again is safe:
    /// writing history twice changes nothing.
    pub async fn publish_outcome(&self, outcome: &Outcome) -> Result<(), PublishError> {
        let part = Part {
            trace: TraceHeaders::default(),
            frame: outcome.encode(),
        };
        let alone = Alone {
            subject: subject::OUTCOMES.to_owned(),
            dedup_id: outcome.dedup_id(),
        };
        self.outcomes.publish(part, alone).await
    }
}
