//! The fleet, and the input that it refused, for those who run it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use posthorn_bus::{Bus, BusError};
use posthorn_chassis::{build_info, error_chain};
use posthorn_event_schema::{Door, Partition, RejectionMeta};
use posthorn_public_http::{ApiError, QueryParams};
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::moment;
use crate::paging::{self, invalid_query};
use crate::public::fleet::{FleetOut, RejectedInputOut, RejectedOut, SenderOut, application};
use crate::public::list::ListOut;
use crate::public::query::{PageQuery, RejectedQuery};
use crate::scope::{OperatorCaller, no_entity};
use crate::state::ApiState;

/// How old an answer may be: many who look cost the server no more than one.
const FRESH: Duration = Duration::from_secs(2);
const DOORS: [Door; 5] = [
    Door::NatsPublish,
    Door::NatsRequest,
    Door::Fanout,
    Door::Sender,
    Door::Recorder,
];

/// The last look at the fleet.
#[derive(Debug, Clone, Default)]
pub(crate) struct FleetCache(Arc<Mutex<Option<(Instant, FleetOut)>>>);

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(fleet))
        .routes(routes!(rejected))
        .routes(routes!(rejected_one))
}

/// Shows how full the streams are, how far behind their readers, and which senders live.
///
/// Only for the organisation that runs the fleet.
#[utoipa::path(
    get,
    path = "/api/v1/fleet",
    operation_id = "posthorn.fleet.get",
    tag = "Fleet",
    responses((status = 200, description = "The answer", body = FleetOut)),
    extensions(("x-posthorn-scope" = json!("operator")))
)]
async fn fleet(
    State(state): State<ApiState>,
    _operator: OperatorCaller,
) -> Result<Json<FleetOut>, ApiError> {
    let mut last = state.fleet.0.lock().await;
    if let Some((at, fleet)) = &*last
        && at.elapsed() < FRESH
    {
        return Ok(Json(fleet.clone()));
    }
    let fleet = look(&state.bus)
        .await
        .map_err(|error| unavailable(&error))?;
    *last = Some((Instant::now(), fleet.clone()));
    Ok(Json(fleet))
}

async fn look(bus: &Bus) -> Result<FleetOut, BusError> {
    let members = bus.members().await?;
    let (streams, readers, members) =
        tokio::try_join!(bus.stream_states(), bus.reader_states(), members.list())?;
    let mut free: BTreeSet<u16> = Partition::all().map(Partition::number).collect();
    let mut senders: Vec<SenderOut> = members
        .into_iter()
        .map(|(name, (member, _revision))| SenderOut {
            name,
            partitions: member.holds.into_iter().map(Partition::number).collect(),
        })
        .collect();
    senders.sort_by(|one, next| one.name.cmp(&next.name));
    for partition in senders.iter().flat_map(|sender| &sender.partitions) {
        free.remove(partition);
    }
    Ok(FleetOut {
        at: moment::now().to_rfc3339_micros(),
        version: build_info::VERSION,
        nats: bus.server().into(),
        streams: streams.into_iter().map(Into::into).collect(),
        consumers: readers.into_iter().map(Into::into).collect(),
        senders,
        partitions_without_sender: free.into_iter().collect(),
    })
}

fn unavailable(error: &BusError) -> ApiError {
    tracing::warn!(
        reason = error_chain::chain(error),
        "the fleet was not looked at"
    );
    ApiError::unavailable("NATS is not available, try again later.")
}

/// Lists input that was refused, newest first. Only for the organisation that runs the fleet.
///
/// A page with a filter may be short or empty although more follows: `done` tells.
#[utoipa::path(
    get,
    path = "/api/v1/rejected",
    operation_id = "posthorn.rejected.list",
    tag = "Fleet",
    params(PageQuery, RejectedQuery),
    responses((status = 200, description = "The answer", body = ListOut<RejectedOut>)),
    extensions(("x-posthorn-scope" = json!("operator")))
)]
async fn rejected(
    State(state): State<ApiState>,
    _operator: OperatorCaller,
    query: QueryParams,
) -> Result<Json<ListOut<RejectedOut>>, ApiError> {
    let page = paging::page(&query, str::parse::<u64>)?;
    let before = match page.position {
        posthorn_store::Position::Start => None,
        posthorn_store::Position::Following(sequence) => Some(sequence),
        // What is newer is on the first page.
        posthorn_store::Position::Preceding(_) => return Err(paging::bad_iterator()),
    };
    let door = query.one("door").map(door).transpose()?;
    let named = query.one("application");
    let wanted = |meta: &RejectionMeta| {
        door.is_none_or(|door| meta.door == door)
            && named.is_none_or(|named| application(&meta.subject).as_deref() == Some(named))
    };
    let found = state.bus.list_rejected(before, page.limit, wanted).await;
    let found = found.map_err(|error| unavailable(&error))?;
    Ok(Json(ListOut {
        data: found.items.into_iter().map(Into::into).collect(),
        iterator: found.looked_to.map(|sequence| sequence.to_string()),
        prev_iterator: None,
        done: found.done,
    }))
}

fn door(text: &str) -> Result<Door, ApiError> {
    let found = DOORS.into_iter().find(|door| door.as_str() == text);
    let rule = "must be `nats_publish`, `nats_request`, `fanout`, `sender` or `recorder`";
    found.ok_or_else(|| invalid_query("door", rule))
}

/// Reads input that was refused, with its bytes. Only for the organisation that runs the fleet.
#[utoipa::path(
    get,
    path = "/api/v1/rejected/{position}",
    operation_id = "posthorn.rejected.get",
    tag = "Fleet",
    responses((status = 200, description = "The answer", body = RejectedInputOut)),
    extensions(("x-posthorn-scope" = json!("operator")))
)]
async fn rejected_one(
    State(state): State<ApiState>,
    _operator: OperatorCaller,
    Path(position): Path<String>,
) -> Result<Json<RejectedInputOut>, ApiError> {
    let sequence = position.parse().map_err(|_no_number| no_entity())?;
    let found = state.bus.rejected_at(sequence).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let rejection = found.ok_or_else(no_entity)?;
    Ok(Json(RejectedInputOut::new(sequence, rejection)))
}
