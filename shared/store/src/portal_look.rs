//! What an organisation's portals look like. What it means is the API's business.

use posthorn_event_schema::OrganizationId;
use serde_json::Value;
use tokio_postgres::types::Json;

use crate::{Store, StoreError, column};

impl Store {
    /// Reads what an organisation's portals look like; `None` when nobody said.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn portal_look(
        &self,
        organization: &OrganizationId,
    ) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT look FROM portal_looks WHERE organization_id = $1";
        let mut client = self.client().await?;
        let row = client.query_opt(sql, &[&organization.as_str()]).await?;
        let look = row.map(|row| column::get::<Json<Value>>(&row, "look").map(|Json(look)| look));
        look.transpose()
    }

    /// Sets what an organisation's portals look like.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn set_portal_look(
        &self,
        organization: &OrganizationId,
        look: &Value,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO portal_looks (organization_id, look, updated_at) \
                   VALUES ($1, $2, clock_timestamp()) \
                   ON CONFLICT (organization_id) DO UPDATE \
                   SET look = excluded.look, updated_at = excluded.updated_at";
        let params: crate::pool::Params<'_> = &[&organization.as_str(), &Json(look)];
        self.client().await?.execute(sql, params).await?;
        Ok(())
    }
}
