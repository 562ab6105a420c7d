//! Background tasks: how far they are, and what they have come to.
//!
//! A customer's portal sees the tasks of its application: it may ask for some.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_event_schema::TaskId;
use posthorn_public_http::{ApiError, Caller, QueryParams, Scope};
use posthorn_store::Slice;
use posthorn_store::listing::Order;
use posthorn_store::task::{TaskFilter, TaskRow};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::public::list::ListOut;
use crate::public::query::{OrderQuery, PageQuery, TaskQuery};
use crate::public::task::{self, BackgroundTaskOut, Named};
use crate::scope::{AnyCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, moment, paging};

/// The error of a task that a person ended.
const CANCELLED: &str = "it was cancelled";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
}

/// Lists background tasks, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/background-task",
    operation_id = "v1.background-task.list",
    tag = "Background Task",
    params(PageQuery, OrderQuery, TaskQuery),
    responses((status = 200, description = "The answer", body = ListOut<BackgroundTaskOut>)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn list(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    query: QueryParams,
) -> Result<Json<ListOut<BackgroundTaskOut>>, ApiError> {
    let page = paging::page(&query, TaskId::parse)?;
    let order = paging::order(&query, Order::Descending)?;
    let mut filter = TaskFilter::default();
    if let Some(text) = query.one("status") {
        let rule = "must be `running`, `finished` or `failed`";
        let wanted = task::state(text).ok_or_else(|| paging::invalid_query("status", rule))?;
        filter.state = Some(wanted);
    }
    if let Scope::Application(application) = &caller.scope {
        filter.application = Some(application.clone());
    }
    let named = query.one("task").map(|text| {
        task::named(text).ok_or_else(|| paging::invalid_query("task", "is not a kind of task"))
    });
    let found = match named.transpose()? {
        Some(Named::Nothing) => Ok(Slice {
            items: Vec::new(),
            done: true,
        }),
        Some(Named::Kind(kind)) => {
            filter.kind = Some(kind);
            let listed = state
                .store
                .list_tasks(&caller.organization, &filter, order, &page);
            listed.await
        }
        None => {
            let listed = state
                .store
                .list_tasks(&caller.organization, &filter, order, &page);
            listed.await
        }
    };
    let slice = found.map_err(|error| failure::store(&error))?;
    let tasks = slice.items.into_iter().map(BackgroundTaskOut::from);
    Ok(Json(ListOut::new(tasks.collect(), slice.done, |item| {
        &item.task.id
    })))
}

/// Reads a background task.
#[utoipa::path(
    get,
    path = "/api/v1/background-task/{task_id}",
    operation_id = "v1.background-task.get",
    tag = "Background Task",
    responses((status = 200, description = "The answer", body = BackgroundTaskOut)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn one(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    Path(id): Path<String>,
) -> Result<Json<BackgroundTaskOut>, ApiError> {
    let task = visible(&state, &caller, &id).await?;
    Ok(Json(task.into()))
}

/// Pauses a background task until it is resumed; what it does at this moment, it finishes.
#[utoipa::path(
    post,
    path = "/api/v1/background-task/{task_id}/pause",
    operation_id = "posthorn.background-task.pause",
    tag = "Background Task",
    responses((status = 200, description = "The task", body = BackgroundTaskOut)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn pause(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    Path(id): Path<String>,
) -> Result<Json<BackgroundTaskOut>, ApiError> {
    set_paused(&state, &caller, &id, true).await
}

/// Lets a paused background task go on; after a preview, this is what delivers.
#[utoipa::path(
    post,
    path = "/api/v1/background-task/{task_id}/resume",
    operation_id = "posthorn.background-task.resume",
    tag = "Background Task",
    responses((status = 200, description = "The task", body = BackgroundTaskOut)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn resume(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    Path(id): Path<String>,
) -> Result<Json<BackgroundTaskOut>, ApiError> {
    set_paused(&state, &caller, &id, false).await
}

/// Ends a background task as failed; what it has done already stays done. One that has ended stays as
/// it is.
#[utoipa::path(
    post,
    path = "/api/v1/background-task/{task_id}/cancel",
    operation_id = "posthorn.background-task.cancel",
    tag = "Background Task",
    responses((status = 200, description = "The task", body = BackgroundTaskOut)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn cancel(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    Path(id): Path<String>,
) -> Result<Json<BackgroundTaskOut>, ApiError> {
    let task = visible(&state, &caller, &id).await?;
    let cancelled =
        state
            .store
            .cancel_task(&caller.organization, &task.id, CANCELLED, moment::now());
    let cancelled = cancelled.await.map_err(|error| failure::store(&error))?;
    Ok(Json(cancelled.ok_or_else(no_entity)?.into()))
}

async fn set_paused(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    paused: bool,
) -> Result<Json<BackgroundTaskOut>, ApiError> {
    let task = visible(state, caller, id).await?;
    let changed = state
        .store
        .pause_task(&caller.organization, &task.id, paused);
    let changed = changed.await.map_err(|error| failure::store(&error))?;
    Ok(Json(changed.ok_or_else(no_entity)?.into()))
}

/// The task, if the caller may know of it.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<TaskRow, ApiError> {
    let id = TaskId::parse(id).map_err(|_no_id| no_entity())?;
    let found = state.store.task(&caller.organization, &id).await;
    let found = found.map_err(|error| failure::store(&error))?;
    let visible = |row: &TaskRow| match &caller.scope {
        Scope::Organization => true,
        Scope::Application(application) => row.application.as_ref() == Some(application),
    };
    found.filter(visible).ok_or_else(no_entity)
}
