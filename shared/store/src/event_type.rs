//! Event types: rows and queries, scoped by organisation.
//!
//! They are a catalogue for people and for checking subscriptions; an event may have a type that
//! is not in it.

use posthorn_event_schema::{EventType, OrganizationId, Timestamp};
use serde_json::Value;
use tokio_postgres::Row;

use crate::application::{Saved, saved};
use crate::listing::{Listing, Order};
use crate::{Page, Slice, Store, StoreError, column};

/// What customers set of an event type.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTypeSettings {
    /// What it means.
    pub description: String,
    /// It is hidden and cannot be subscribed to any more.
    pub archived: bool,
    /// It should not be used for new subscriptions.
    pub deprecated: bool,
    /// JSON Schemas of its payload, by version.
    pub schemas: Option<Value>,
    /// Only callers with one of these flags see it; `None` = all, never empty.
    pub feature_flags: Option<Vec<String>>,
    /// The heading that it stands under.
    pub group_name: Option<String>,
}

/// An event type as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTypeRow {
    /// Its name, unique within its organisation.
    pub name: EventType,
    /// What its customer set.
    pub settings: EventTypeSettings,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl EventTypeRow {
    /// Whether a caller with these feature flags sees it; `None` sees everything.
    #[must_use]
    pub fn is_visible(&self, flags: Option<&[String]>) -> bool {
        match (flags, &self.settings.feature_flags) {
            (None, _) | (_, None) => true,
            (Some(flags), Some(wanted)) => wanted.iter().any(|flag| flags.contains(flag)),
        }
    }
}

/// What to change in an event type; `None` keeps a value, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct EventTypeChange {
    /// What it means.
    pub description: Option<String>,
    /// It is hidden.
    pub archived: Option<bool>,
    /// It should not be used for new subscriptions.
    pub deprecated: Option<bool>,
    /// JSON Schemas of its payload, by version.
    pub schemas: Option<Option<Value>>,
    /// Only callers with one of these flags see it.
    pub feature_flags: Option<Option<Vec<String>>>,
    /// The heading that it stands under.
    pub group_name: Option<Option<String>>,
}

impl EventTypeChange {
    /// The change to these settings, whatever they were.
    #[must_use]
    pub fn to(settings: &EventTypeSettings) -> Self {
        Self {
            description: Some(settings.description.clone()),
            archived: Some(settings.archived),
            deprecated: Some(settings.deprecated),
            schemas: Some(settings.schemas.clone()),
            feature_flags: Some(settings.feature_flags.clone()),
            group_name: Some(settings.group_name.clone()),
        }
    }
}

/// Which event types a caller may see.
#[derive(Debug, Clone, Default)]
pub struct EventTypeFilter {
    /// Archived ones too.
    pub include_archived: bool,
    /// Only those without a feature flag or with one of these; `None` = all.
    pub feature_flags: Option<Vec<String>>,
}

const COLUMNS: &str = "name, description, archived, deprecated, schemas, feature_flags, \
                       group_name, created_at, updated_at";

impl Store {
    /// Creates an event type; an archived one of that name is replaced and comes back, and one of
    /// this very moment was written by an earlier run of the same request.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn create_event_type(
        &self,
        organization: &OrganizationId,
        name: &EventType,
        settings: &EventTypeSettings,
        at: Timestamp,
    ) -> Result<Saved<EventTypeRow>, StoreError> {
        let sql = format!(
            "INSERT INTO event_types AS old (organization_id, name, description, archived, \
                 deprecated, schemas, feature_flags, group_name, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) \
             ON CONFLICT (organization_id, name) DO UPDATE SET \
                 description = excluded.description, archived = excluded.archived, \
                 deprecated = excluded.deprecated, schemas = excluded.schemas, \
                 feature_flags = excluded.feature_flags, group_name = excluded.group_name, \
                 updated_at = excluded.updated_at \
             WHERE old.archived OR old.updated_at = excluded.updated_at RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                &sql,
                &[
                    &organization.as_str(),
                    &name.as_str(),
                    &settings.description,
                    &settings.archived,
                    &settings.deprecated,
                    &settings.schemas,
                    &settings.feature_flags,
                    &settings.group_name,
                    &at.to_date_time(),
                ],
            )
            .await?;
        match row {
            Some(row) => read(&row).map(Saved::Row),
            None => Ok(Saved::Taken),
        }
    }

    /// Finds an event type, archived or not.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn event_type(
        &self,
        organization: &OrganizationId,
        name: &EventType,
    ) -> Result<Option<EventTypeRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM event_types WHERE organization_id = $1 AND name = $2");
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &name.as_str()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists event types by name.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_event_types(
        &self,
        organization: &OrganizationId,
        filter: &EventTypeFilter,
        page: &Page<EventType>,
    ) -> Result<Slice<EventTypeRow>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM event_types WHERE organization_id = $1 \
               AND ($4 OR NOT archived) \
               AND ($5::text[] IS NULL OR feature_flags IS NULL OR feature_flags && $5)"
        );
        let listing = Listing {
            select: &select,
            key: "name",
            scope: organization.as_str(),
            filters: &[&filter.include_archived, &filter.feature_flags],
        };
        let mut client = self.client().await?;
        listing
            .fetch(&mut client, Order::Ascending, page, EventType::as_str, read)
            .await
    }

    /// Tells which of `names` are no live event types that a caller with these flags sees, in the
    /// order given.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn unknown_event_types(
        &self,
        organization: &OrganizationId,
        names: &[EventType],
        feature_flags: Option<&[String]>,
    ) -> Result<Vec<EventType>, StoreError> {
        let texts: Vec<&str> = names.iter().map(EventType::as_str).collect();
        let mut client = self.client().await?;
        let rows = client
            .query(
                "SELECT name FROM event_types \
                 WHERE organization_id = $1 AND name = ANY($2) AND NOT archived \
                   AND ($3::text[] IS NULL OR feature_flags IS NULL OR feature_flags && $3)",
                &[&organization.as_str(), &texts, &feature_flags],
            )
            .await?;
        let known = rows
            .iter()
            .map(|row| column::parsed(row, "name", EventType::parse))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(names
            .iter()
            .filter(|name| !known.contains(name))
            .cloned()
            .collect())
    }

    /// Changes an event type.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn update_event_type(
        &self,
        organization: &OrganizationId,
        name: &EventType,
        change: &EventTypeChange,
        at: Timestamp,
    ) -> Result<Saved<EventTypeRow>, StoreError> {
        let sql = format!(
            "UPDATE event_types SET \
                 description = COALESCE($3, description), \
                 archived = COALESCE($4, archived), \
                 deprecated = COALESCE($5, deprecated), \
                 schemas = CASE WHEN $6 THEN $7 ELSE schemas END, \
                 feature_flags = CASE WHEN $8 THEN $9 ELSE feature_flags END, \
                 group_name = CASE WHEN $10 THEN $11 ELSE group_name END, \
                 updated_at = $12 \
             WHERE organization_id = $1 AND name = $2 RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let result = client
            .query_opt(
                &sql,
                &[
                    &organization.as_str(),
                    &name.as_str(),
                    &change.description,
                    &change.archived,
                    &change.deprecated,
                    &change.schemas.is_some(),
                    &change.schemas.as_ref().and_then(Option::as_ref),
                    &change.feature_flags.is_some(),
                    &change.feature_flags.as_ref().and_then(Option::as_ref),
                    &change.group_name.is_some(),
                    &change.group_name.as_ref().and_then(Option::as_ref),
                    &at.to_date_time(),
                ],
            )
            .await;
        saved(result, read)
    }
}

fn read(row: &Row) -> Result<EventTypeRow, StoreError> {
    Ok(EventTypeRow {
        name: column::parsed(row, "name", EventType::parse)?,
        settings: EventTypeSettings {
            description: row.try_get("description")?,
            archived: row.try_get("archived")?,
            deprecated: row.try_get("deprecated")?,
            schemas: row.try_get("schemas")?,
            feature_flags: row.try_get("feature_flags")?,
            group_name: row.try_get("group_name")?,
        },
        created_at: column::moment(row, "created_at")?,
        updated_at: column::moment(row, "updated_at")?,
    })
}
