//! Removing the contents of many messages, as callers ask for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which messages' payloads to remove.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BulkExpungeIn {
    /// Ids of messages, or their `eventId`s; at most 1000.
    pub ids: Vec<String>,
}

/// What became of each.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkExpungeOut {
    /// `expunged` or `not-found`, by what was asked for.
    #[schema(value_type = BTreeMap<String, String>)]
    pub results: BTreeMap<String, &'static str>,
}
