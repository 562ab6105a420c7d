//! Statistics, and the tasks that run in the background.

use serde_json::{Value, json};
use svix::api::BackgroundTaskListOptions;

use crate::World;
use crate::harness::{
    Outcome, equal, eventually, fails, holds, ids, later, made, now, step, value,
};

/// Waits for a task's end.
pub async fn finished(w: &World, id: String, name: &str) -> Outcome {
    eventually(async || {
        let found = value(&w.svix.background_task().get(id.clone()).await?);
        equal(
            [&found["task"], &found["status"]],
            [name, "finished"],
            "task and status",
        )
    })
    .await
}

pub async fn walk(w: &World) {
    let api = w.svix.background_task();

    step("v1.statistics.aggregate-app-stats", "counts the messages of applications, as a task", async || {
        let unknown = "app_000000000000000000000000000";
        let wanted = json!({"since": later(&now(), -60), "until": now(), "appIds": [w.id("app")?, unknown]});
        let answer = value(&w.svix.statistics().aggregate_app_stats(made(wanted), None).await?);
        equal(&answer["unresolvedAppIds"], [unknown], "unknown applications")?;
        w.note("stats task", answer);
        finished(w, w.id("stats task")?, "application.stats").await
    })
    .await;

    step(
        "v1.statistics.aggregate-event-types",
        "counts the messages of event types, as a task",
        async || {
            let answer = value(&w.svix.statistics().aggregate_event_types().await?);
            equal(&answer["task"], "event-type.aggregate", "task")?;
            finished(
                w,
                crate::harness::string(&answer["id"]),
                "event-type.aggregate",
            )
            .await
        },
    )
    .await;

    step(
        "v1.background-task.get",
        "gets a task; 404 if it is unknown",
        async || {
            let found = value(&api.get(w.id("stats task")?).await?);
            equal(
                [&found["id"], &found["status"]],
                [&w.id("stats task")?, "finished"],
                "id and status",
            )?;
            fails(
                404,
                "not_found",
                api.get("qtask_000000000000000000000000000".to_owned())
                    .await,
            )?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.background-task.list",
        "filters by task and status",
        async || {
            let has = async |task: Option<Value>, status: Option<Value>| -> Outcome<bool> {
                let options = BackgroundTaskListOptions {
                    limit: Some(250),
                    task: task.map(made),
                    status: status.map(made),
                    ..Default::default()
                };
                Ok(ids(&api.list(Some(options)).await?).contains(&json!(w.id("stats task")?)))
            };
            let found = has(Some(json!("application.stats")), Some(json!("finished"))).await?;
            equal(found, true, "is listed")?;
            equal(
                has(Some(json!("endpoint.recover")), None).await?,
                false,
                "is listed for another task",
            )?;
            equal(
                has(None, Some(json!("failed"))).await?,
                false,
                "is listed as failed",
            )
        },
    )
    .await;

    step(
        "v1.background-task.list",
        "iterates forwards and backwards",
        async || {
            let listing = |iterator| {
                Some(BackgroundTaskListOptions {
                    limit: Some(1),
                    iterator,
                    ..Default::default()
                })
            };
            let page = api.list(listing(None)).await?;
            equal((page.data.len(), page.done), (1, false), "the first page")?;
            let following = api.list(listing(page.iterator.clone())).await?;
            holds(
                ids(&following) != ids(&page),
                "the second page is the first",
            )?;
            let back = api.list(listing(following.prev_iterator.clone())).await?;
            equal(ids(&back), ids(&page), "back on the first page")
        },
    )
    .await;

    step("v1.health.get", "is healthy", async || {
        Ok(w.svix.health().get().await?)
    })
    .await;
}
