//! Questions about endpoints, and orders to them, without reading them.

use posthorn_event_schema::{
    ApplicationId, Channel, EndpointId, EventType, OrganizationId, Timestamp,
};

use crate::{Store, StoreError, column};

impl Store {
    /// Whether an event of this type and with these channels would go to any endpoint.
    ///
    /// *Source* of the rules: fan-out's; an endpoint with channels needs one in common.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn has_audience(
        &self,
        application: &ApplicationId,
        event_type: &EventType,
        channels: &[Channel],
    ) -> Result<bool, StoreError> {
        let channels: Vec<&str> = channels.iter().map(Channel::as_str).collect();
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "SELECT FROM endpoints \
                 WHERE application_id = $1 AND NOT deleted AND NOT disabled \
                   AND (event_types IS NULL OR $2 = ANY(event_types)) \
                   AND (channels IS NULL OR channels && $3) LIMIT 1",
                &[&application.as_str(), &event_type.as_str(), &channels],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Ends what still waits for a live endpoint of the events accepted before `moment`; an earlier
    /// wish that reaches further stands. Tells whether there is such an endpoint.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn cancel_deliveries_before(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        moment: Timestamp,
    ) -> Result<bool, StoreError> {
        self.advance(application, id, "cancelled_before", moment)
            .await
    }

    /// Makes everything due that waits for a live endpoint at `moment`. Tells whether there is such
    /// an endpoint.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn release_deliveries(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        moment: Timestamp,
    ) -> Result<bool, StoreError> {
        self.advance(application, id, "released_at", moment).await
    }

    /// Sets a column of a live endpoint to a moment, unless it is later already.
    async fn advance(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        column: &'static str,
        moment: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE endpoints SET version = version + 1, {column} = GREATEST({column}, $3) \
             WHERE application_id = $1 AND id = $2 AND NOT deleted"
        );
        let mut client = self.client().await?;
        let changed = client
            .execute(
                &sql,
                &[&application.as_str(), &id.as_str(), &moment.to_date_time()],
            )
            .await?;
        Ok(changed == 1)
    }

    /// The ids of an application's endpoints, deleted ones too: history still names them.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoint_ids(
        &self,
        application: &ApplicationId,
    ) -> Result<Vec<EndpointId>, StoreError> {
        let mut client = self.client().await?;
        let rows = client
            .query(
                "SELECT id FROM endpoints WHERE application_id = $1 ORDER BY id",
                &[&application.as_str()],
            )
            .await?;
        let ids = rows
            .iter()
            .map(|row| column::parsed(row, "id", EndpointId::parse));
        ids.collect()
    }

    /// Counts an organisation's live applications with an endpoint that receives.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count_active_applications(
        &self,
        organization: &OrganizationId,
    ) -> Result<i64, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "SELECT count(*) AS found FROM applications a \
                 WHERE a.organization_id = $1 AND NOT a.deleted AND NOT a.hidden AND EXISTS ( \
                     SELECT FROM endpoints e WHERE e.application_id = a.id \
                       AND NOT e.deleted AND NOT e.disabled)",
                &[&organization.as_str()],
            )
            .await?;
        row.map_or(Ok(0), |row| column::get(&row, "found"))
    }
}
