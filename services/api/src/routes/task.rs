//! Background tasks: how far they are, and what they have come to.
//!
//! A customer's portal sees the tasks of its application: it may ask for some.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_event_schema::TaskId;
use posthorn_public_http::{ApiError, QueryParams, Scope};
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
use crate::{failure, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
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
    let id = TaskId::parse(&id).map_err(|_no_id| no_entity())?;
    let found = state.store.task(&caller.organization, &id).await;
    let found = found.map_err(|error| failure::store(&error))?;
    let visible = |row: &TaskRow| match &caller.scope {
        Scope::Organization => true,
        Scope::Application(application) => row.application.as_ref() == Some(application),
    };
    let task = found.filter(visible).ok_or_else(no_entity)?;
    Ok(Json(task.into()))
}
