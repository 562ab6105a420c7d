//! What every route has at hand.

use std::sync::Arc;

use axum::extract::FromRef;
use posthorn_bus::Bus;
use posthorn_public_http::TokenKey;
use posthorn_store::Store;

use crate::config::ApiConfig;
use crate::default_schedule::DefaultSchedule;
use crate::live::Live;
use crate::operational::Operational;
use crate::routes::fleet::FleetCache;
use crate::routes::inbox_door::InboxDoor;
use crate::snapshot::SnapshotWriter;

/// What every route has at hand.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) tokens: TokenKey,
    pub(crate) snapshots: SnapshotWriter,
    pub(crate) operational: Operational,
    pub(crate) live: Live,
    pub(crate) fleet: FleetCache,
    pub(crate) default_schedule: DefaultSchedule,
    pub(crate) inbox_door: InboxDoor,
    pub(crate) config: Arc<ApiConfig>,
}

impl FromRef<ApiState> for TokenKey {
    fn from_ref(state: &ApiState) -> Self {
        state.tokens.clone()
    }
}
