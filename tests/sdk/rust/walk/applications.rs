//! Applications, and the errors that every resource shares.

use serde_json::json;
use svix::api::{ApplicationCreateOptions, ApplicationListOptions};

use crate::World;
use crate::harness::{equal, fails, holds, ids, made, step, string, time, unique, value};
use crate::sdk::{Ordering, upsert};

pub async fn walk(w: &World) {
    let api = w.svix.application();
    let uid = format!("walk-{}", unique());
    w.note("uid", json!(uid));
    let put = format!("{uid}-put");

    step("v1.application.create", "creates an application", async || {
        let created = value(
            &api.create(made(json!({"name": "Walk", "uid": uid, "throttleRate": 200, "metadata": {"plan": "gold"}})), None)
                .await?,
        );
        holds(string(&created["id"]).starts_with("app_"), "the id's form")?;
        let fields = [&created["name"], &created["uid"], &created["throttleRate"], &created["metadata"]];
        equal(fields, json!(["Walk", uid, 200, {"plan": "gold"}]), "fields")?;
        if cfg!(feature = "v1") {
            equal(&created["rateLimit"], 200, "rate limit")?;
        }
        w.note("app", created);
        Ok(())
    })
    .await;

    step(
        "v1.application.get",
        "gets it by id and by uid, as create answered it",
        async || {
            equal(api.get(w.id("app")?).await?, w.noted("app")?, "by id")?;
            equal(api.get(uid.clone()).await?, w.noted("app")?, "by uid")
        },
    )
    .await;

    step(
        "v1.application.create",
        "get-or-create returns what exists, unchanged",
        async || {
            let found = api
                .get_or_create(made(json!({"name": "Another name", "uid": uid})), None)
                .await?;
            equal(found, w.noted("app")?, "application")
        },
    )
    .await;

    step(
        "v1.application.create",
        "get-or-create creates what does not exist",
        async || {
            let created = value(
                &api.get_or_create(
                    made(json!({"name": "Second", "uid": format!("{uid}-2")})),
                    None,
                )
                .await?,
            );
            equal(
                [&created["name"], &created["metadata"]],
                json!(["Second", {}]),
                "name and metadata",
            )?;
            w.note("second", created);
            Ok(())
        },
    )
    .await;

    step(
        "v1.application.create",
        "a repeat with the same idempotency key is the same application",
        async || {
            let key = unique();
            let third = || made(json!({"name": "Third"}));
            let options = || {
                Some(ApplicationCreateOptions {
                    idempotency_key: Some(key.clone()),
                })
            };
            let created = value(&api.create(third(), options()).await?);
            w.note("third", created.clone());
            equal(
                api.create(third(), options()).await?,
                created,
                "application",
            )
        },
    )
    .await;

    step(
        "v1.application.create",
        "409 when the uid is taken",
        async || {
            fails(
                409,
                "conflict",
                api.create(made(json!({"name": "Taken", "uid": uid})), None)
                    .await,
            )?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.application.create",
        "422 for an empty name, with its place",
        async || {
            let detail = fails(422, "", api.create(made(json!({"name": ""})), None).await)?;
            equal(
                [&detail[0]["loc"], &detail[0]["type"]],
                json!([["body", "name"], "value_error"]),
                "place and type",
            )?;
            holds(!string(&detail[0]["msg"]).is_empty(), "no message")
        },
    )
    .await;

    step(
        "v1.application.get",
        "404 for an unknown application",
        async || {
            fails(404, "not_found", api.get(format!("{uid}-unknown")).await)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.application.list",
        "401 for a token of another key",
        async || {
            let (signed, _) = w.token.rsplit_once('.').unwrap_or_default();
            let stranger = w.client(&format!("{signed}.{}", "A".repeat(43)));
            fails(
                401,
                "authentication_failed",
                stranger.application().list(None).await,
            )?;
            Ok(())
        },
    )
    .await;

    step("v1.application.update", "replaces all fields", async || {
        let updated = value(
            &upsert!(
                api,
                uid.clone(),
                made(json!({"name": "Renamed", "uid": uid}))
            )
            .await?,
        );
        let app = w.noted("app")?;
        let fields = [
            &updated["id"],
            &updated["name"],
            &updated["metadata"],
            &updated["createdAt"],
        ];
        equal(
            fields,
            json!([app["id"], "Renamed", {}, app["createdAt"]]),
            "fields",
        )?;
        holds(updated["throttleRate"].is_null(), "the throttle rate stays")?;
        holds(
            time(&updated["updatedAt"]) > time(&app["updatedAt"]),
            "the time of the update stays",
        )
    })
    .await;

    step(
        "v1.application.update",
        "creates what does not exist",
        async || {
            let created =
                upsert!(api, put.clone(), made(json!({"name": "Put", "uid": put}))).await?;
            equal(api.get(put.clone()).await?, created, "application")
        },
    )
    .await;

    step(
        "v1.application.patch",
        "changes what is named and keeps the rest",
        async || {
            let patch = made(json!({"throttleRate": 100, "metadata": {"plan": "silver"}}));
            let patched = value(&api.patch(uid.clone(), patch).await?);
            let fields = [
                &patched["name"],
                &patched["throttleRate"],
                &patched["metadata"],
            ];
            equal(
                fields,
                json!(["Renamed", 100, {"plan": "silver"}]),
                "fields",
            )
        },
    )
    .await;

    step("v1.application.patch", "null clears a field", async || {
        let patched = value(
            &api.patch(uid.clone(), made(json!({"throttleRate": null})))
                .await?,
        );
        let fields = [&patched["throttleRate"], &patched["metadata"]];
        equal(fields, json!([null, {"plan": "silver"}]), "fields")
    })
    .await;

    lists(w).await;

    step(
        "v1.application.delete",
        "deletes it, and frees its uid",
        async || {
            api.delete(put.clone()).await?;
            fails(404, "not_found", api.get(put.clone()).await)?;
            fails(404, "not_found", api.delete(put.clone()).await)?;
            api.create(made(json!({"name": "Again", "uid": put})), None)
                .await?;
            Ok(api.delete(put.clone()).await?)
        },
    )
    .await;
}

async fn lists(w: &World) {
    let api = w.svix.application();

    step(
        "v1.application.list",
        "iterates forwards and backwards",
        async || {
            let (app, second, third) = (w.id("app")?, w.id("second")?, w.id("third")?);
            let listing = |iterator: String| {
                Some(ApplicationListOptions {
                    iterator: Some(iterator),
                    limit: Some(2),
                    order: Some(Ordering::Ascending),
                    ..Default::default()
                })
            };
            let page = api.list(listing(app.clone())).await?;
            equal(ids(&page), [&second, &third], "the page after the first")?;
            equal(
                [page.iterator, page.prev_iterator],
                [Some(third.clone()), Some(format!("-{second}"))],
                "iterators",
            )?;
            let before = api.list(listing(format!("-{third}"))).await?;
            equal(ids(&before), [app, second], "the page before the last")
        },
    )
    .await;

    step(
        "v1.application.list",
        "lists in descending order",
        async || {
            let options = ApplicationListOptions {
                iterator: Some(w.id("third")?),
                limit: Some(2),
                order: Some(Ordering::Descending),
                ..Default::default()
            };
            let page = api.list(Some(options)).await?;
            equal(
                ids(&page),
                [w.id("second")?, w.id("app")?],
                "the page after the newest",
            )
        },
    )
    .await;

    step(
        "v1.application.list",
        "422 for a limit beyond 250",
        async || {
            let options = ApplicationListOptions {
                limit: Some(251),
                ..Default::default()
            };
            let detail = fails(422, "", api.list(Some(options)).await)?;
            equal(
                [&detail[0]["loc"][0], &detail[0]["loc"][1]],
                ["query", "limit"],
                "place",
            )
        },
    )
    .await;
}
