//! Event types. Their names belong to the whole organisation, so this walk's have a prefix.

use serde_json::{Value, json};
use svix::api::{EventTypeDeleteOptions, EventTypeListOptions};

use crate::World;
use crate::harness::{Outcome, each, equal, fails, holds, made, step, unique, value};
use crate::sdk::upsert;

/// The first generation has both spellings; most users of it know the older one.
fn flag(name: Option<&str>) -> (&'static str, Value) {
    if cfg!(feature = "v2") {
        ("featureFlags", json!(name.map(|name| [name])))
    } else {
        ("featureFlag", json!(name))
    }
}

pub async fn walk(w: &World) {
    let api = w.svix.event_type();
    let prefix = format!("w{}", unique());
    let [paid, sent, void] =
        ["paid", "sent", "void"].map(|word| format!("{prefix}.invoice.{word}"));
    for (note, name) in [("paid", &paid), ("sent", &sent), ("void", &void)] {
        w.note(note, json!(name));
    }
    let schemas =
        json!({"1": {"type": "object", "title": "An invoice", "examples": [{"amount": 1200}]}});
    let put = format!("{prefix}.put");

    step("v1.event-type.create", "creates an event type with a schema and a group", async || {
        let group = format!("{prefix}.invoice");
        let created = json!({"name": paid, "description": "An invoice was paid", "schemas": schemas, "groupName": group});
        let created = value(&api.create(made(created), None).await?);
        let fields = [&created["name"], &created["description"], &created["schemas"], &created["groupName"]];
        equal(fields, json!([paid, "An invoice was paid", schemas, group]), "fields")?;
        equal([&created["archived"], &created["deprecated"]], [false, false], "archived and deprecated")?;
        w.note("event type", created);
        for name in [&sent, &void] {
            api.create(made(json!({"name": name, "description": "Another"})), None).await?;
        }
        Ok(())
    })
    .await;

    step(
        "v1.event-type.get",
        "gets it as create answered it",
        async || {
            equal(
                api.get(paid.clone()).await?,
                w.noted("event type")?,
                "event type",
            )
        },
    )
    .await;

    step(
        "v1.event-type.create",
        "409 when the name is taken",
        async || {
            let again = made(json!({"name": paid, "description": "Again"}));
            fails(409, "event_type_exists", api.create(again, None).await)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.event-type.create",
        "422 for what is no JSON Schema",
        async || {
            let schemas = json!({"1": {"type": "no such type"}});
            let bad = made(
                json!({"name": format!("{prefix}.bad"), "description": "", "schemas": schemas}),
            );
            fails(422, "", api.create(bad, None).await)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.event-type.get",
        "404 for an unknown event type",
        async || {
            fails(404, "not_found", api.get(format!("{prefix}.unknown")).await)?;
            Ok(())
        },
    )
    .await;

    let list = async |iterator: String,
                      limit: u8,
                      archived: Option<bool>,
                      with_content: Option<bool>|
           -> Outcome<Value> {
        let options = EventTypeListOptions {
            iterator: Some(iterator),
            limit: Some(limit.into()),
            include_archived: archived,
            with_content,
            ..Default::default()
        };
        Ok(value(&api.list(Some(options)).await?))
    };

    step(
        "v1.event-type.list",
        "iterates forwards and backwards",
        async || {
            let page = list(paid.clone(), 2, None, None).await?;
            equal(
                each(&page, "name"),
                [&sent, &void],
                "the page after the first",
            )?;
            equal(&page["iterator"], &void, "iterator")?;
            let back = list(crate::harness::string(&page["prevIterator"]), 1, None, None).await?;
            equal(each(&back, "name"), [&paid], "the page before")
        },
    )
    .await;

    step(
        "v1.event-type.list",
        "leaves schemas out unless they are asked for",
        async || {
            let full = list(format!("-{sent}"), 1, None, Some(true)).await?;
            equal(
                &full["data"][0]["schemas"],
                &schemas,
                "schemas with content",
            )?;
            let bare = list(format!("-{sent}"), 1, None, Some(false)).await?;
            holds(
                bare["data"][0]["schemas"].is_null(),
                "schemas without content",
            )
        },
    )
    .await;

    step("v1.event-type.update", "replaces all fields", async || {
        let new = made(json!({"description": "Voided", "deprecated": true}));
        let updated = value(&upsert!(api, void.clone(), new).await?);
        let fields = [
            &updated["description"],
            &updated["deprecated"],
            &updated["schemas"],
        ];
        equal(fields, json!(["Voided", true, null]), "fields")
    })
    .await;

    step(
        "v1.event-type.update",
        "creates what does not exist",
        async || {
            upsert!(api, put.clone(), made(json!({"description": "Put"}))).await?;
            equal(
                api.get(put.clone()).await?.description,
                "Put",
                "description",
            )
        },
    )
    .await;

    step(
        "v1.event-type.patch",
        "changes what is named and keeps the rest",
        async || {
            let name = format!("{prefix}-beta");
            let (field, new) = flag(Some(&name));
            let patched = value(
                &api.patch(
                    paid.clone(),
                    made(json!({"description": "Paid", field: new})),
                )
                .await?,
            );
            let fields = [
                &patched["description"],
                &patched["schemas"],
                &patched["featureFlags"],
            ];
            equal(fields, json!(["Paid", schemas, [name]]), "fields")?;
            equal(&patched[field], new, "feature flag")
        },
    )
    .await;

    step("v1.event-type.patch", "null clears a field", async || {
        let (field, new) = flag(None);
        let patched = value(&api.patch(paid.clone(), made(json!({field: new}))).await?);
        holds(patched["featureFlags"].is_null(), "the feature flags stay")
    })
    .await;

    step(
        "v1.event-type.delete",
        "archives it: not listed any more, but there",
        async || {
            api.delete(put.clone(), None).await?;
            equal(
                value(&api.get(put.clone()).await?)["archived"].clone(),
                true,
                "archived",
            )?;
            let listed = each(&list(void.clone(), 1, Some(false), None).await?, "name");
            holds(!listed.contains(&json!(put)), "it is still listed")?;
            equal(
                each(&list(void.clone(), 1, Some(true), None).await?, "name"),
                [&put],
                "the archived",
            )
        },
    )
    .await;

    step(
        "v1.event-type.create",
        "takes an archived one out of the archive",
        async || {
            let again = value(
                &api.create(made(json!({"name": put, "description": "Back"})), None)
                    .await?,
            );
            equal(
                [&again["archived"], &again["description"]],
                json!([false, "Back"]),
                "fields",
            )
        },
    )
    .await;

    step("v1.event-type.delete", "expunges it", async || {
        api.delete(
            put.clone(),
            Some(EventTypeDeleteOptions {
                expunge: Some(true),
            }),
        )
        .await?;
        fails(404, "not_found", api.get(put.clone()).await)?;
        Ok(())
    })
    .await;

    imports(w, &format!("{prefix}.imported")).await;
}

async fn imports(w: &World, name: &str) {
    let api = w.svix.event_type();
    let properties = json!({"id": {"type": "string"}});
    let content =
        json!({"application/json": {"schema": {"type": "object", "properties": properties}}});
    let post = json!({"operationId": name, "description": "Imported", "requestBody": {"content": content}, "responses": {}});
    let spec = json!({"openapi": "3.1.0", "info": {"title": "Walk", "version": "1"}, "webhooks": {name: {"post": post}}});

    step(
        "v1.event-type.import-openapi",
        "a dry run says what it would do, and does nothing",
        async || {
            let answer = value(
                &api.import_openapi(made(json!({"spec": spec, "dryRun": true})), None)
                    .await?,
            );
            equal(
                each(&json!({"data": answer["data"]["to_modify"]}), "name"),
                [name],
                "to modify",
            )?;
            fails(404, "not_found", api.get(name.to_owned()).await)?;
            Ok(())
        },
    )
    .await;

    step(
        "v1.event-type.import-openapi",
        "imports the webhooks of an OpenAPI document",
        async || {
            let answer = value(
                &api.import_openapi(made(json!({"spec": spec})), None)
                    .await?,
            );
            equal(&answer["data"]["modified"], [name], "modified")?;
            let imported = value(&api.get(name.to_owned()).await?);
            let fields = [
                &imported["description"],
                &imported["schemas"]["1"]["properties"],
            ];
            equal(
                fields,
                json!(["Imported", properties]),
                "description and schema",
            )
        },
    )
    .await;
}
