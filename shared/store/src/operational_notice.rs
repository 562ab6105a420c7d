//! What organisations are yet to be told of deliveries and of endpoints that were disabled.
//!
//! The recorder writes notices with the attempts that make them true, the API with the endpoint that
//! it disables; the API tells them.

use std::time::Duration;

use posthorn_event_schema::{
    ApplicationId, AttemptId, EndpointId, EventId, OrganizationId, Timestamp, Uid,
};
use tokio_postgres::Row;

use crate::column::{get, moment, moment_option, number_option, parsed, parsed_option};
use crate::{Store, StoreError};

/// The kind of a notice that an endpoint was disabled.
pub(crate) const DISABLED: &str = "endpoint.disabled";
/// The kind of a notice that an endpoint only fails.
pub(crate) const FAILING: &str = "endpoint.failing";

/// Whether somebody wants to know of a row `n`: its organisation has an operational endpoint that
/// is enabled, and the row is not about such an endpoint itself.
pub(crate) const WANTED: &str = "EXISTS ( \
        SELECT FROM applications hidden JOIN endpoints o ON o.application_id = hidden.id \
        WHERE hidden.hidden AND hidden.organization_id = n.organization_id \
          AND NOT o.deleted AND NOT o.disabled) \
    AND NOT EXISTS ( \
        SELECT FROM applications own WHERE own.id = n.application_id AND own.hidden)";

/// Something to tell an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its place in the table.
    pub id: i64,
    /// The operational event's type.
    pub kind: String,
    /// What it is about: one event for each kind and subject.
    pub subject: String,
    /// Who is told.
    pub organization: OrganizationId,
    /// The application that it is about.
    pub application: ApplicationId,
    /// The customer's own name for that.
    pub application_uid: Option<Uid>,
    /// The endpoint that it is about.
    pub endpoint: EndpointId,
    /// The customer's own name for that.
    pub endpoint_uid: Option<Uid>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// What happened.
    pub about: About,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The endpoint was disabled.
    Disabled {
        /// Since when it had only failed.
        fail_since: Timestamp,
    },
    /// The endpoint only fails.
    Failing {
        /// Since when.
        fail_since: Timestamp,
        /// When it is disabled if that goes on, unless that never happens.
        disable_at: Option<Timestamp>,
    },
    /// A delivery, after this attempt.
    Attempt {
        /// The event.
        event: EventId,
        /// The producer's own id for it, if history has it.
        producer_key: Option<String>,
        /// The attempt.
        id: AttemptId,
        /// Its HTTP status; `None` when there was no HTTP answer.
        status: Option<u16>,
        /// When the request began.
        started_at: Timestamp,
    },
}

impl Store {
    /// Takes notices, the oldest first, for the time of `lease`: they come again if they are not
    /// forgotten by then. The lease only saves work.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn take_notices(
        &self,
        lease: Duration,
        limit: u16,
    ) -> Result<Vec<Notice>, StoreError> {
        let mut client = self.client().await?;
        let rows = client
            .query(
                "WITH taken AS ( \
                     UPDATE operational_notices \
                     SET leased_until = clock_timestamp() + $1 * interval '1 s' \
                     WHERE id IN ( \
                         SELECT id FROM operational_notices \
                         WHERE leased_until <= clock_timestamp() \
                         ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED) \
                     RETURNING *) \
                 SELECT taken.*, applications.uid AS application_uid, \
                     endpoints.uid AS endpoint_uid, events.producer_key \
                 FROM taken \
                 LEFT JOIN applications ON applications.id = taken.application_id \
                 LEFT JOIN endpoints ON endpoints.id = taken.endpoint_id \
                 LEFT JOIN events ON events.application_id = taken.application_id \
                     AND events.id = taken.event_id AND events.day = taken.day \
                 ORDER BY taken.id",
                &[&lease.as_secs_f64(), &i64::from(limit)],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Forgets notices that were told.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn forget_notices(&self, ids: &[i64]) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "DELETE FROM operational_notices WHERE id = ANY($1)",
                &[&ids],
            )
            .await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<Notice, StoreError> {
    let kind: String = get(row, "kind")?;
    let about = match parsed_option(row, "event_id", EventId::parse)? {
        None if kind == FAILING => About::Failing {
            fail_since: moment(row, "fail_since")?,
            disable_at: moment_option(row, "disable_at")?,
        },
        None => About::Disabled {
            fail_since: moment(row, "fail_since")?,
        },
        Some(event) => About::Attempt {
            event,
            producer_key: get(row, "producer_key")?,
            id: parsed(row, "attempt_id", AttemptId::parse)?,
            status: number_option(row, "attempt_status")?,
            started_at: moment(row, "attempted_at")?,
        },
    };
    Ok(Notice {
        id: get(row, "id")?,
        kind,
        subject: get(row, "subject")?,
        organization: parsed(row, "organization_id", OrganizationId::parse)?,
        application: parsed(row, "application_id", ApplicationId::parse)?,
        application_uid: parsed_option(row, "application_uid", Uid::parse)?,
        endpoint: parsed(row, "endpoint_id", EndpointId::parse)?,
        endpoint_uid: parsed_option(row, "endpoint_uid", Uid::parse)?,
        happened_at: moment(row, "happened_at")?,
        about,
    })
}
