//! Disabling endpoints without a person: orders that wait to be carried out, and endpoints that
//! fail for so long that they get one.
//!
//! An order names the version of the endpoint that its reason was seen at. It is carried out unless
//! somebody enabled the endpoint, or gave it another URL, after that version.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EndpointId, Timestamp};
use tokio_postgres::Row;

use crate::operational_notice::{DISABLED, WANTED};
use crate::{Store, StoreError, column};

/// Why Posthorn disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledBy {
    /// It answered that it is gone for good: status 410.
    Gone,
    /// Its receiver asked for it: `webhook-delivery: disable`.
    Receiver,
    /// It had nothing but failures for days.
    Failures,
}

impl DisabledBy {
    /// The reason as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Receiver => "receiver",
            Self::Failures => "failures",
        }
    }

    pub(crate) fn parse(word: &str) -> Result<Self, StoreError> {
        let all = [Self::Gone, Self::Receiver, Self::Failures];
        let found = all.into_iter().find(|reason| reason.as_str() == word);
        let column = "disabled_by";
        found.ok_or(StoreError::Corrupt { column })
    }
}

/// How Posthorn disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoDisabled {
    /// Why.
    pub by: DisabledBy,
    /// When.
    pub at: Timestamp,
    /// Since when it had only failed.
    pub fail_since: Timestamp,
}

/// An endpoint to disable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisableOrder {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The version of the endpoint that the reason was seen at.
    pub endpoint_version: i64,
    /// Why.
    pub reason: DisabledBy,
    /// Since when the order stands.
    pub ordered_at: Timestamp,
}

/// When an endpoint has failed enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So long ago its first failure was, without a success since.
    pub failing_for: Duration,
    /// So far its first and its last failure are apart: a single bad hour is not enough.
    pub at_least_apart: Duration,
}

impl Store {
    /// Reads orders that wait, the oldest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn disable_orders(&self, limit: u16) -> Result<Vec<DisableOrder>, StoreError> {
        let mut client = self.client().await?;
        let rows = client
            .query(
                "SELECT endpoint_id, application_id, endpoint_version, reason, ordered_at \
                 FROM disable_orders ORDER BY ordered_at LIMIT $1",
                &[&i64::from(limit)],
            )
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// Disables an order's endpoint and notes what its organisation is to be told; `false` when it
    /// is disabled or deleted already, or the order is older than what the endpoint is now.
    ///
    /// *Guarantee*: once it returns `Ok`, the endpoint's row is what the order wants or somebody
    /// later wanted, durably, and its version tells. Repeating it changes nothing. The order stays,
    /// for whoever tells the fleet: [`Store::forget_disable_order`].
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn carry_out(&self, order: &DisableOrder, at: Timestamp) -> Result<bool, StoreError> {
        let (id, application) = (order.endpoint.as_str(), order.application.as_str());
        let (reason, at) = (order.reason.as_str(), at.to_date_time());
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let changed = transaction
            .execute(
                "UPDATE endpoints SET disabled = true, disabled_by = $3, disabled_at = $4, \
                     fail_since = COALESCE( \
                         (SELECT GREATEST(f.first_failed_at, endpoints.enabled_at) \
                          FROM endpoint_failures f WHERE f.endpoint_id = endpoints.id), $5), \
                     announced_version = announced_version \
                         + CASE WHEN announced_version = version THEN 1 ELSE 0 END, \
                     version = version + 1, updated_at = $4 \
                 WHERE application_id = $1 AND id = $2 AND NOT disabled AND NOT deleted \
                   AND enabled_version <= $6 \
                   AND ($3 <> 'failures' OR EXISTS ( \
                       SELECT FROM endpoint_failures f WHERE f.endpoint_id = endpoints.id))",
                &[
                    &application,
                    &id,
                    &reason,
                    &at,
                    &order.ordered_at.to_date_time(),
                    &order.endpoint_version,
                ],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        let notice = format!(
            "INSERT INTO operational_notices (kind, subject, organization_id, application_id, \
                 endpoint_id, happened_at, fail_since) \
             SELECT '{DISABLED}', n.id || '/' || n.version, n.organization_id, n.application_id, \
                 n.id, n.disabled_at, n.fail_since \
             FROM endpoints n WHERE n.id = $1 AND {WANTED} ON CONFLICT DO NOTHING"
        );
        transaction.execute(&notice, &[&id]).await?;
        let over = "DELETE FROM endpoint_failures WHERE endpoint_id = $1";
        transaction.execute(over, &[&id]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes an order, unless a later one took its place.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn forget_disable_order(&self, order: &DisableOrder) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "DELETE FROM disable_orders WHERE endpoint_id = $1 AND endpoint_version <= $2",
                &[&order.endpoint.as_str(), &order.endpoint_version],
            )
            .await?;
        Ok(())
    }

    /// Orders that endpoints be disabled which failed for too long as of `now`, and returns how many
    /// orders are new. What failed before an endpoint was enabled does not count.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn order_failing(
        &self,
        now: Timestamp,
        patience: Patience,
    ) -> Result<u64, StoreError> {
        let since = now.minus(patience.failing_for).to_date_time();
        let apart = patience.at_least_apart.as_secs_f64();
        let mut client = self.client().await?;
        client
            .execute(
                "INSERT INTO disable_orders \
                     (endpoint_id, application_id, endpoint_version, reason, ordered_at) \
                 SELECT e.id, e.application_id, e.version, 'failures', $1 \
                 FROM endpoint_failures f JOIN endpoints e ON e.id = f.endpoint_id \
                 WHERE f.first_failed_at <= $2 AND e.enabled_at <= $2 \
                   AND f.exhausted_at >= e.enabled_at \
                   AND f.last_failed_at - GREATEST(f.first_failed_at, e.enabled_at) \
                       >= $3 * interval '1 s' \
                   AND NOT e.disabled AND NOT e.deleted \
                 ON CONFLICT DO NOTHING",
                &[&now.to_date_time(), &since, &apart],
            )
            .await
    }

    /// Forgets the failures of endpoints that are disabled or deleted.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn forget_idle_failures(&self) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "DELETE FROM endpoint_failures f USING endpoints e \
                 WHERE e.id = f.endpoint_id AND (e.disabled OR e.deleted)",
                &[],
            )
            .await
    }
}

/// How an endpoint of this row was disabled, if Posthorn did it.
pub(crate) fn read_auto_disabled(row: &Row) -> Result<Option<AutoDisabled>, StoreError> {
    let by: Option<&str> = column::get(row, "disabled_by")?;
    let Some(by) = by else {
        return Ok(None);
    };
    Ok(Some(AutoDisabled {
        by: DisabledBy::parse(by)?,
        at: column::moment(row, "disabled_at")?,
        fail_since: column::moment(row, "fail_since")?,
    }))
}

fn read_order(row: &Row) -> Result<DisableOrder, StoreError> {
    Ok(DisableOrder {
        endpoint: column::parsed(row, "endpoint_id", EndpointId::parse)?,
        application: column::parsed(row, "application_id", ApplicationId::parse)?,
        endpoint_version: column::get(row, "endpoint_version")?,
        reason: DisabledBy::parse(column::get(row, "reason")?)?,
        ordered_at: column::moment(row, "ordered_at")?,
    })
}
