//! Endpoints: what they are, not what arrives at them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use svix::api::EndpointListOptions;

use crate::World;
use crate::harness::{
    Outcome, equal, fails, holds, ids, made, sorted, step, string, unique, value,
};
use crate::sdk::{Ordering, TYPES, set_headers, upsert};

fn example(path: &str) -> String {
    format!("https://example.com/{path}")
}

pub async fn walk(w: &World) {
    let api = w.svix.endpoint();
    let app = w.text("uid").unwrap_or_default();
    let uid = format!("walk-{}", unique());
    let create = async |endpoint: Value| -> Outcome<Value> {
        Ok(value(&api.create(app.clone(), made(endpoint), None).await?))
    };

    step(
        "v1.endpoint.create",
        "creates an endpoint with headers and filters",
        async || {
            let types = json!([w.text("paid")?, w.text("sent")?]);
            let created = create(json!({
                "url": "http://EXAMPLE.com",
                "uid": uid,
                "description": "Invoices",
                "channels": ["north", "south"],
                "headers": {"X-Walk": "yes", "Authorization": "Basic secret"},
                "metadata": {"tier": "one"},
                "throttleRate": 50,
                TYPES: types,
            }))
            .await?;
            holds(string(&created["id"]).starts_with("ep_"), "the id's form")?;
            let fields = [
                &created["url"],
                &created["uid"],
                &created["description"],
                &created["metadata"],
            ];
            equal(
                fields,
                json!(["http://example.com/", uid, "Invoices", {"tier": "one"}]),
                "fields",
            )?;
            equal(sorted(&created["channels"]), ["north", "south"], "channels")?;
            equal(sorted(&created[TYPES]), sorted(&types), "event types")?;
            equal(
                [&created["throttleRate"], &created["disabled"]],
                json!([50, false]),
                "throttle rate and disabled",
            )?;
            if cfg!(feature = "v1") {
                equal(
                    [&created["rateLimit"], &created["version"]],
                    [50, 1],
                    "rate limit and version",
                )?;
            }
            w.note("endpoint", created);
            Ok(())
        },
    )
    .await;

    step(
        "v1.endpoint.get",
        "gets it by id and by uid, as create answered it",
        async || {
            let endpoint = w.noted("endpoint")?;
            for name in [w.id("endpoint")?, uid.clone()] {
                let found = value(&api.get(app.clone(), name).await?);
                for field in ["id", "url", "metadata", "createdAt"] {
                    equal(&found[field], &endpoint[field], field)?;
                }
            }
            Ok(())
        },
    )
    .await;

    step(
        "v1.endpoint.create",
        "an endpoint without filters has none",
        async || {
            let mut endpoints = vec![w.noted("endpoint")?["id"].clone()];
            for number in ["2", "3"] {
                let plain = create(json!({"url": example(number), "disabled": true})).await?;
                equal(
                    [&plain[TYPES], &plain["channels"], &plain["uid"]],
                    json!([null, null, null]),
                    "filters and uid",
                )?;
                equal(
                    [
                        &plain["disabled"],
                        &plain["metadata"],
                        &plain["description"],
                    ],
                    json!([true, {}, ""]),
                    "the rest",
                )?;
                endpoints.push(plain["id"].clone());
            }
            w.note("endpoints", json!(endpoints));
            Ok(())
        },
    )
    .await;

    step(
        "v1.endpoint.create",
        "409 when the uid is taken",
        async || {
            let again = made(json!({"url": example("again"), "uid": uid}));
            fails(409, "conflict", api.create(app.clone(), again, None).await)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.endpoint.create",
        "422 for an unknown event type, and for what is no URL",
        async || {
            let unknown = made(json!({"url": example("unknown"), TYPES: ["no.such.type"]}));
            let detail = fails(422, "", api.create(app.clone(), unknown, None).await)?;
            holds(
                string(&detail[0]["msg"]).contains("no.such.type"),
                "the message does not name it",
            )?;
            let detail = fails(
                422,
                "",
                api.create(app.clone(), made(json!({"url": "no url"})), None)
                    .await,
            )?;
            equal(
                [&detail[0]["loc"][0], &detail[0]["loc"][1]],
                ["body", "url"],
                "place",
            )
        },
    )
    .await;

    step(
        "v1.endpoint.get",
        "404 for an unknown endpoint, and for an unknown application",
        async || {
            fails(
                404,
                "not_found",
                api.get(app.clone(), format!("{uid}-unknown")).await,
            )?;
            fails(
                404,
                "not_found",
                api.get(format!("{app}-unknown"), uid.clone()).await,
            )?;
            Ok(())
        },
    )
    .await;

    lists(w, &app).await;
    changes(w, &app, &uid).await;
    headers(w, &app, &uid).await;
    secrets(w, &app).await;

    step(
        "v1.endpoint.transformation-get",
        "501: there are no transformations yet",
        async || {
            #[cfg(feature = "v2")]
            let answer = api.transformation().get(app.clone(), uid.clone()).await;
            #[cfg(feature = "v1")]
            let answer = api.transformation_get(app.clone(), uid.clone()).await;
            fails(501, "not_implemented", answer)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.endpoint.patch-transformation",
        "501: there are no transformations yet",
        async || {
            let patch = made(json!({"enabled": true}));
            #[cfg(feature = "v2")]
            let answer = api
                .transformation()
                .patch(app.clone(), uid.clone(), patch)
                .await;
            #[cfg(feature = "v1")]
            let answer = api
                .patch_transformation(app.clone(), uid.clone(), patch)
                .await;
            fails(501, "not_implemented", answer)?;
            Ok(())
        },
    )
    .await;
}

async fn lists(w: &World, app: &str) {
    let api = w.svix.endpoint();

    step(
        "v1.endpoint.list",
        "iterates forwards and backwards, the newest first",
        async || {
            let all = w.noted("endpoints")?;
            let listing = |limit: u8, iterator: Option<String>| {
                Some(EndpointListOptions {
                    limit: Some(limit.into()),
                    iterator,
                    ..Default::default()
                })
            };
            let page = api.list(app.to_owned(), listing(2, None)).await?;
            equal(ids(&page), [&all[2], &all[1]], "the first page")?;
            equal(
                [json!(page.done), json!(page.iterator)],
                [json!(false), all[1].clone()],
                "done and iterator",
            )?;
            let last = api.list(app.to_owned(), listing(2, page.iterator)).await?;
            equal(ids(&last), [&all[0]], "the last page")?;
            holds(last.done, "the last page is not the last")?;
            let back = api
                .list(app.to_owned(), listing(1, last.prev_iterator))
                .await?;
            equal(ids(&back), [&all[1]], "the page before the last")
        },
    )
    .await;

    step("v1.endpoint.list", "lists in ascending order", async || {
        let options = EndpointListOptions {
            order: Some(Ordering::Ascending),
            ..Default::default()
        };
        equal(
            ids(&api.list(app.to_owned(), Some(options)).await?),
            w.noted("endpoints")?,
            "endpoints",
        )
    })
    .await;
}

async fn changes(w: &World, app: &str, uid: &str) {
    let api = w.svix.endpoint();
    let (app, uid) = (app.to_owned(), uid.to_owned());
    let put = format!("{uid}-put");

    step(
        "v1.endpoint.update",
        "replaces all fields but the secret and the headers",
        async || {
            let before = api.get_secret(app.clone(), uid.clone()).await?.key;
            let new = made(json!({"url": example("put"), "uid": uid, "channels": ["east"]}));
            let updated = value(&upsert!(api, app.clone(), uid.clone(), new).await?);
            let fields = [
                &updated["id"],
                &updated["url"],
                &updated["description"],
                &updated["channels"],
            ];
            equal(
                fields,
                json!([w.id("endpoint")?, example("put"), "", ["east"]]),
                "fields",
            )?;
            equal(
                [&updated[TYPES], &updated["throttleRate"]],
                json!([null, null]),
                "what was left out",
            )?;
            equal(
                api.get_secret(app.clone(), uid.clone()).await?.key,
                before,
                "secret",
            )
        },
    )
    .await;

    step(
        "v1.endpoint.update",
        "creates what does not exist",
        async || {
            let new = made(json!({"url": example("new"), "uid": put, "disabled": true}));
            let created = upsert!(api, app.clone(), put.clone(), new).await?;
            equal(
                api.get(app.clone(), put.clone()).await?.id,
                created.id,
                "id",
            )
        },
    )
    .await;

    step(
        "v1.endpoint.patch",
        "changes what is named and keeps the rest",
        async || {
            let patch = made(json!({"description": "Patched", TYPES: [w.text("void")?]}));
            let patched = value(&api.patch(app.clone(), uid.clone(), patch).await?);
            let fields = [
                &patched["description"],
                &patched[TYPES],
                &patched["url"],
                &patched["channels"],
            ];
            equal(
                fields,
                json!(["Patched", [w.text("void")?], example("put"), ["east"]]),
                "fields",
            )
        },
    )
    .await;

    step("v1.endpoint.patch", "null clears a field", async || {
        let patch = made(json!({"channels": null, TYPES: null}));
        let patched = value(&api.patch(app.clone(), uid.clone(), patch).await?);
        let fields = [
            &patched["channels"],
            &patched[TYPES],
            &patched["description"],
        ];
        equal(fields, json!([null, null, "Patched"]), "fields")
    })
    .await;

    step("v1.endpoint.delete", "deletes it", async || {
        api.delete(app.clone(), put.clone()).await?;
        fails(404, "not_found", api.get(app.clone(), put.clone()).await)?;
        Ok(())
    })
    .await;
}

async fn headers(w: &World, app: &str, uid: &str) {
    let api = w.svix.endpoint();
    let (app, uid) = (app.to_owned(), uid.to_owned());
    let shown =
        async || -> Outcome<Value> { Ok(value(&api.get_headers(app.clone(), uid.clone()).await?)) };

    step(
        "v1.endpoint.get-headers",
        "shows the headers; those that hold secrets are only named",
        async || {
            let found = shown().await?;
            equal(&found["headers"], json!({"X-Walk": "yes"}), "headers")?;
            equal(
                found["sensitive"].to_string().to_lowercase(),
                r#"["authorization"]"#,
                "sensitive",
            )
        },
    )
    .await;

    step(
        "v1.endpoint.update-headers",
        "replaces all headers",
        async || {
            let headers = json!({"X-One": "1", "X-Two": "2"});
            set_headers!(
                api,
                app.clone(),
                uid.clone(),
                made(json!({"headers": headers}))
            )
            .await?;
            let found = shown().await?;
            equal(
                [&found["headers"], &found["sensitive"]],
                json!([headers, []]),
                "headers",
            )
        },
    )
    .await;

    step(
        "v1.endpoint.update-headers",
        "422 for a header that is ours to set",
        async || {
            let ours = made(json!({"headers": {"svix-id": "mine"}}));
            fails(
                422,
                "",
                set_headers!(api, app.clone(), uid.clone(), ours).await,
            )?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.endpoint.patch-headers",
        "sets and deletes single headers",
        async || {
            let patch =
                json!({"headers": {"X-Two": "two", "X-Three": "3"}, "deleteHeaders": ["X-One"]});
            api.patch_headers(app.clone(), uid.clone(), made(patch))
                .await?;
            equal(
                &shown().await?["headers"],
                json!({"X-Two": "two", "X-Three": "3"}),
                "headers",
            )
        },
    )
    .await;
}

async fn secrets(w: &World, app: &str) {
    let api = w.svix.endpoint();
    let secret_of =
        async |id: String| -> Outcome<String> { Ok(api.get_secret(app.to_owned(), id).await?.key) };

    step(
        "v1.endpoint.get-secret",
        "is a secret that was made for this endpoint alone",
        async || {
            let mut secrets = BTreeSet::new();
            for id in w.noted("endpoints")?.as_array().into_iter().flatten() {
                secrets.insert(secret_of(string(id)).await?);
            }
            equal(secrets.len(), 3, "different secrets")?;
            holds(
                secrets.iter().all(|secret| secret.starts_with("whsec_")),
                "a secret without whsec_",
            )
        },
    )
    .await;

    step(
        "v1.endpoint.get-secret",
        "is the one that was brought along",
        async || {
            let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
            let own = made(json!({"url": example("own"), "secret": secret, "disabled": true}));
            let own = api.create(app.to_owned(), own, None).await?;
            equal(secret_of(own.id.clone()).await?, secret, "secret")?;
            Ok(api.delete(app.to_owned(), own.id).await?)
        },
    )
    .await;
}
