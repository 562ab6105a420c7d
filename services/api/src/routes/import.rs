//! What the imports of all kinds of objects have in common.
//!
//! An import brings an object with the id that it has elsewhere. It may be repeated: what is as the
//! source has it is left alone, and what was changed here since stays ([`crate::import`]).
//!
//! *Guarantee*: an object is created whole or not at all. After a crash in the middle of an update,
//! repeating the import completes it. Shown by `an_import_is_repeated_without_effect` and
//! `an_import_takes_over_what_changed_at_the_source_and_keeps_what_changed_here`.

use axum::Json;
use http::StatusCode;
use posthorn_event_schema::{OrganizationId, Timestamp};
use posthorn_public_http::{ApiError, Problem, QueryParams};
use posthorn_store::import::Imported;

use super::filter;
use crate::fields::Fields;
use crate::import::{Base, Merge, Parts, is_importable, merge};
use crate::public::import::{ImportOut, ImportOutcome};
use crate::state::ApiState;
use crate::{failure, moment};

/// How to import.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Nothing is changed.
    pub(super) dry_run: bool,
    /// The source wins.
    pub(super) overwrite: bool,
}

impl How {
    /// # Errors
    /// 400 for a parameter that is neither `true` nor `false`.
    pub(super) fn read(query: &QueryParams) -> Result<Self, ApiError> {
        Ok(Self {
            dry_run: filter::flag(query, "dry_run", false)?,
            overwrite: filter::flag(query, "overwrite", false)?,
        })
    }
}

/// Reads an id that the object has elsewhere.
///
/// # Errors
/// 422 for one that no server made.
pub(super) fn own_id<I, E>(
    text: &str,
    (parameter, prefix): (&str, &str),
    parse: impl FnOnce(&str) -> Result<I, E>,
) -> Result<I, ApiError> {
    let id = parse(text).ok();
    id.filter(|_| is_importable(text, prefix, moment::now()))
        .ok_or_else(|| {
            let rule = format!("must be an id of a server: `{prefix}` and a KSUID");
            ApiError::invalid(vec![Problem::new(["path", parameter], rule, "value_error")])
        })
}

/// Since when an object exists: not longer than ids do, and not from the future.
pub(super) fn created_at(fields: &mut Fields, text: Option<&str>) -> Option<Timestamp> {
    let at = fields.moment("createdAt", text?)?;
    if at > moment::now().plus(std::time::Duration::from_secs(3_600)) {
        fields.note("createdAt", "must not be in the future");
    }
    Some(at)
}

/// Refuses an id that is not free. Whose it is, or was, is nobody else's business.
///
/// # Errors
/// 409 when it is taken.
pub(super) async fn check_free(state: &ApiState, object: Imported<'_>) -> Result<(), ApiError> {
    let free = state.store.is_id_free(object).await;
    if free.map_err(|error| failure::store(&error))? {
        Ok(())
    } else {
        Err(id_taken())
    }
}

pub(super) fn id_taken() -> ApiError {
    let detail = "The id is not free: the object was deleted here, or the id belongs elsewhere.";
    ApiError::conflict("id_taken", detail)
}

/// 409 for a uid that another object has.
pub(super) fn uid_taken() -> ApiError {
    ApiError::conflict("uid_taken", "Another object here has this uid.")
}

/// An object that an import meets, and how.
pub(super) struct Meeting<'a> {
    pub(super) state: &'a ApiState,
    pub(super) organization: &'a OrganizationId,
    pub(super) object: Imported<'a>,
    pub(super) how: How,
}

impl Meeting<'_> {
    /// Compares what is here with what the source has.
    pub(super) async fn merge(
        &self,
        current: &Parts,
        wanted: &Parts,
    ) -> Result<(Merge, Base), ApiError> {
        let stored = self.state.store.import_base(self.organization, self.object);
        let stored = stored.await.map_err(|error| failure::store(&error))?;
        let keys = &self.state.config.keys;
        let base = stored
            .and_then(|sealed| Base::open(keys, self.organization, self.object, &sealed))
            .unwrap_or_default();
        let merged = merge(current, wanted, &base, self.how.overwrite);
        Ok((merged, base))
    }

    /// Remembers what was set, after it was.
    pub(super) async fn note(
        &self,
        base: &Base,
        created_at: Option<Timestamp>,
    ) -> Result<(), ApiError> {
        let sealed = base.seal(&self.state.config.keys, self.organization, self.object);
        let noted =
            self.state
                .store
                .note_import(self.organization, self.object, &sealed, created_at);
        noted.await.map_err(|error| failure::store(&error))
    }

    /// Ends the import of an object that existed.
    pub(super) async fn end(
        &self,
        merged: Merge,
        before: &Base,
        created_at: Option<Timestamp>,
    ) -> Result<Json<ImportOut>, ApiError> {
        if !self.how.dry_run && merged.base != *before {
            // An import that died after it had made the object did not come so far.
            let first = *before == Base::default();
            self.note(&merged.base, created_at.filter(|_| first))
                .await?;
        }
        let outcome = if merged.changed.is_empty() {
            ImportOutcome::Unchanged
        } else {
            ImportOutcome::Updated
        };
        let texts = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(Json(ImportOut {
            outcome,
            changed: texts(merged.changed),
            kept: texts(merged.kept),
        }))
    }
}

/// The answer for a new object.
pub(super) fn created() -> Json<ImportOut> {
    Json(ImportOut {
        outcome: ImportOutcome::Created,
        changed: Vec::new(),
        kept: Vec::new(),
    })
}

/// Whether an error says that something is not there.
pub(super) fn is_missing(error: &ApiError) -> bool {
    error.status() == StatusCode::NOT_FOUND
}
