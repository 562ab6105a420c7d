//! Endpoints that receive what happens to applications and endpoints.

use serde_json::{Value, json};

use crate::World;
use crate::deliveries::verifies;
use crate::harness::{
    equal, eventually, fails, holds, ids, made, sorted, step, string, unique, value,
};
use crate::sdk::{TYPES, set_headers, upsert};

pub async fn walk(w: &World) {
    let uid = format!("walk-{}", unique());
    crud(w, &uid).await;
    secrets(w, &uid).await;
    ends(w, &uid).await;
}

fn path(w: &World) -> String {
    w.receiver.path("operational", 0)
}

async fn crud(w: &World, uid: &str) {
    let hooks = w.svix.operational_webhook();
    let api = hooks.endpoint();
    let uid = uid.to_owned();
    let url = w.receiver.url(&path(w));
    let types = ["endpoint.created", "endpoint.deleted"];

    step("v1.operational-webhook.endpoint.create", "creates an endpoint for some event types", async || {
        let metadata = json!({"team": "core"});
        let new = json!({"url": url, "uid": uid, "description": "Operations", "metadata": metadata, TYPES: types});
        let created = value(&api.create(made(new), None).await?);
        holds(string(&created["id"]).starts_with("ep_"), "the id's form")?;
        let fields = [&created["uid"], &created["description"], &created["metadata"]];
        equal(fields, json!([uid, "Operations", metadata]), "fields")?;
        equal(sorted(&created[TYPES]), types, "event types")?;
        w.note("hook", created);
        Ok(())
    })
    .await;

    step(
        "v1.operational-webhook.endpoint.create",
        "409 when the uid is taken",
        async || {
            fails(
                409,
                "conflict",
                api.create(made(json!({"url": url, "uid": uid})), None)
                    .await,
            )?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.operational-webhook.endpoint.get",
        "gets it as create answered it",
        async || {
            equal(api.get(uid.clone()).await?, w.noted("hook")?, "endpoint")?;
            fails(404, "not_found", api.get(format!("{uid}-unknown")).await)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.operational-webhook.endpoint.list",
        "lists it",
        async || {
            holds(
                ids(&api.list(None).await?).contains(&json!(w.id("hook")?)),
                "it is not listed",
            )
        },
    )
    .await;

    let headers = json!({"X-Walk": "operational"});

    step(
        "v1.operational-webhook.endpoint.update-headers",
        "replaces all headers",
        async || Ok(set_headers!(api, uid.clone(), made(json!({"headers": headers}))).await?),
    )
    .await;

    step(
        "v1.operational-webhook.endpoint.get-headers",
        "shows the headers",
        async || {
            let found = value(&api.get_headers(uid.clone()).await?);
            equal(
                [&found["headers"], &found["sensitive"]],
                json!([headers, []]),
                "headers",
            )
        },
    )
    .await;
}

async fn secrets(w: &World, uid: &str) {
    let hooks = w.svix.operational_webhook();
    let api = hooks.endpoint();
    let uid = uid.to_owned();

    step("v1.operational-webhook.endpoint.get-secret", "verifies what the endpoint is told", async || {
        let app = made(json!({"name": "Operations", "uid": format!("{uid}-app")}));
        let app = w.svix.application().create(app, None).await?;
        let endpoint = made(json!({"url": "https://example.com/told", "disabled": true}));
        let endpoint = w.svix.endpoint().create(app.id.clone(), endpoint, None).await?;
        let secret = api.get_secret(uid.clone()).await?.key;
        let told = eventually(async || {
            let found = w.receiver.received(&path(w)).await?;
            let mut about = found.into_iter().filter(|it| String::from_utf8_lossy(&it.body).contains(&endpoint.id));
            about.next().ok_or_else(|| crate::Failure::Check("nothing about the endpoint".to_owned()))
        })
        .await?;
        holds(verifies(&secret, &told), "the signature does not verify")?;
        let body: Value = serde_json::from_slice(&told.body).unwrap_or_default();
        let data = json!({"appId": app.id, "appUid": app.uid, "endpointId": endpoint.id, "endpointUid": null});
        equal([&body["type"], &body["data"]], json!(["endpoint.created", data]), "type and data")?;
        equal(told.header("x-walk"), "operational", "own header")
    })
    .await;

    step(
        "v1.operational-webhook.endpoint.rotate-secret",
        "replaces the secret",
        async || {
            let old = api.get_secret(uid.clone()).await?.key;
            api.rotate_secret(uid.clone(), made(json!({})), None)
                .await?;
            holds(
                api.get_secret(uid.clone()).await?.key != old,
                "the secret stays",
            )
        },
    )
    .await;
}

async fn ends(w: &World, uid: &str) {
    let hooks = w.svix.operational_webhook();
    let api = hooks.endpoint();
    let uid = uid.to_owned();

    step(
        "v1.operational-webhook.endpoint.update",
        "replaces all fields",
        async || {
            let put = json!({"url": "https://example.com/put", "uid": uid, "disabled": true});
            let updated = value(&upsert!(api, uid.clone(), made(put)).await?);
            let fields = [
                &updated["id"],
                &updated["url"],
                &updated["disabled"],
                &updated["description"],
                &updated[TYPES],
            ];
            equal(
                fields,
                json!([w.id("hook")?, "https://example.com/put", true, "", null]),
                "fields",
            )
        },
    )
    .await;

    step(
        "v1.operational-webhook.endpoint.delete",
        "deletes it",
        async || {
            api.delete(uid.clone()).await?;
            fails(404, "not_found", api.get(uid.clone()).await)?;
            Ok(())
        },
    )
    .await;
}
