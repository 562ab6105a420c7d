//! What holds for the whole server.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::public::server::ServerOut;
use crate::scope::OrganizationCaller;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Reads what holds for every organisation: how long history is kept, when deliveries
/// are retried, and what endpoints may be.
#[utoipa::path(
    get,
    path = "/api/v1/server",
    operation_id = "posthorn.server.get",
    tag = "Server",
    responses((status = 200, description = "The answer", body = ServerOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn read(
    State(state): State<ApiState>,
    OrganizationCaller(_organization): OrganizationCaller,
) -> Json<ServerOut> {
    let waits = state.default_schedule.waits_ms(&state.bus, None).await;
    Json(ServerOut::of(&state.config, waits))
}
