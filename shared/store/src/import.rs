//! Objects that were brought from elsewhere with their ids: what an import set, and whether an id is
//! free.

use posthorn_event_schema::{ApplicationId, EndpointId, EventType, OrganizationId, Timestamp};

use crate::{Store, StoreError};

/// An object that an import names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported<'a> {
    /// An application.
    Application(&'a ApplicationId),
    /// An endpoint.
    Endpoint(&'a EndpointId),
    /// An event type.
    EventType(&'a EventType),
}

impl<'a> Imported<'a> {
    /// Its kind, as stored.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Endpoint(_) => "endpoint",
            Self::EventType(_) => "event_type",
        }
    }

    /// Its id, or its name.
    #[must_use]
    pub fn name(self) -> &'a str {
        match self {
            Self::Application(id) => id.as_str(),
            Self::Endpoint(id) => id.as_str(),
            Self::EventType(name) => name.as_str(),
        }
    }

    /// Its table, and the column that names it.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Application(_) => ("applications", "id"),
            Self::Endpoint(_) => ("endpoints", "id"),
            Self::EventType(_) => ("event_types", "name"),
        }
    }
}

impl Store {
    /// What the last import set of an object, sealed; `None` when none brought it.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn import_base(
        &self,
        organization: &OrganizationId,
        object: Imported<'_>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "SELECT base FROM imports \
                 WHERE organization_id = $1 AND kind = $2 AND name = $3",
                &[&organization.as_str(), &object.kind(), &object.name()],
            )
            .await?;
        row.map(|row| row.try_get("base").map_err(StoreError::from))
            .transpose()
    }

    /// Remembers what an import set of an object, and since when the object exists elsewhere.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn note_import(
        &self,
        organization: &OrganizationId,
        object: Imported<'_>,
        base: &[u8],
        created_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let (scope, name) = (organization.as_str(), object.name());
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        if let Some(created_at) = created_at {
            let (table, key) = object.place();
            let sql = format!(
                "UPDATE {table} SET created_at = $3 WHERE organization_id = $1 AND {key} = $2"
            );
            transaction
                .execute(&sql, &[&scope, &name, &created_at.to_date_time()])
                .await?;
        }
        transaction
            .execute(
                "INSERT INTO imports (organization_id, kind, name, base) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (organization_id, kind, name) DO UPDATE SET base = excluded.base",
                &[&scope, &object.kind(), &name, &base],
            )
            .await?;
        transaction.commit().await
    }

    /// Whether no object of that kind has the id: of no organisation, deleted ones included.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn is_id_free(&self, object: Imported<'_>) -> Result<bool, StoreError> {
        let (table, key) = object.place();
        let sql = format!("SELECT FROM {table} WHERE {key} = $1 LIMIT 1");
        let mut client = self.client().await?;
        let found = client.query_opt(&sql, &[&object.name()]).await?;
        Ok(found.is_none())
    }
}
