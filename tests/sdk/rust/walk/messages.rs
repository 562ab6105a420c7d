//! Messages: creating, reading and expunging them. Nobody receives these.

use serde_json::{Value, json};
use svix::api::{MessageCreateOptions, MessageGetOptions, MessageListOptions};
use svix::error::Error;

use crate::World;
use crate::harness::{
    APART, Outcome, equal, eventually, fails, holds, ids, later, made, now, sorted, step, string,
    time, unique, value,
};

struct Messages<'a> {
    w: &'a World,
    app: String,
    event_id: String,
    payload: Value,
}

pub async fn walk(w: &World) {
    let messages = Messages {
        w,
        app: format!("walk-{}", unique()),
        event_id: format!("invoice-{}", unique()),
        payload: json!({"invoice": 42, "customer": "Zoë", "lines": [1.5, null, {"deep": true}]}),
    };
    messages.creates().await;
    messages.refuses().await;
    messages.gets().await;
    messages.lists().await;
    messages.expunges().await;
}

impl Messages<'_> {
    async fn create(
        &self,
        event_type: &str,
        more: Value,
        options: MessageCreateOptions,
    ) -> Result<Value, Error> {
        let mut message = json!({"eventType": event_type, "payload": self.payload});
        for (name, field) in more.as_object().into_iter().flatten() {
            message[name] = field.clone();
        }
        let created = self
            .w
            .svix
            .message()
            .create(self.app.clone(), made(message), Some(options))
            .await?;
        tokio::time::sleep(APART).await;
        Ok(value(&created))
    }

    async fn get(&self, name: String, with_content: bool) -> Outcome<Value> {
        let options = MessageGetOptions {
            with_content: Some(with_content),
        };
        Ok(value(
            &self
                .w
                .svix
                .message()
                .get(self.app.clone(), name, Some(options))
                .await?,
        ))
    }

    async fn list(&self, options: MessageListOptions) -> Outcome<Value> {
        Ok(value(
            &self
                .w
                .svix
                .message()
                .list(self.app.clone(), Some(options))
                .await?,
        ))
    }

    async fn creates(&self) {
        let (w, api) = (self.w, self.w.svix.message());

        step(
            "v1.message.create",
            "creates the application along with the message",
            async || {
                let void = w.text("void")?;
                let inline = async |path: String, uid: &str| {
                    let application = json!({"name": "Inline", "uid": uid});
                    let message =
                        json!({"eventType": void, "payload": {}, "application": application});
                    api.create(path, made(message), None).await
                };
                let uid = format!("{}-inline", self.app);
                let id = inline(uid.clone(), &uid).await?.id;
                equal(
                    w.svix.application().get(uid.clone()).await?.name,
                    "Inline",
                    "name of the application",
                )?;
                equal(
                    api.get(uid.clone(), id.clone(), None).await?.id,
                    id,
                    "message",
                )?;
                fails(422, "", inline(format!("{uid}-other"), &uid).await)?;
                Ok(())
            },
        )
        .await;

        step(
            "v1.message.create",
            "creates a message with nothing but an event type and a payload",
            async || {
                w.svix
                    .application()
                    .create(made(json!({"name": "Messages", "uid": self.app})), None)
                    .await?;
                let plain = self
                    .create(&w.text("void")?, json!({}), Default::default())
                    .await?;
                equal(
                    [&plain["channels"], &plain["tags"], &plain["eventId"]],
                    json!([null, null, null]),
                    "the optional",
                )?;
                w.note("plain", plain);
                Ok(())
            },
        )
        .await;

        step("v1.message.create", "creates a message with channels, tags, an own id and a retention", async || {
            let tags = ["quarter/1", "vip"];
            let more = json!({
                "channels": ["north"], "tags": tags, "eventId": self.event_id, "payloadRetentionPeriod": 30,
            });
            let with_content = MessageCreateOptions { with_content: Some(true), ..Default::default() };
            let created = self.create(&w.text("paid")?, more, with_content).await?;
            holds(string(&created["id"]).starts_with("msg_"), "the id's form")?;
            let fields = [&created["eventType"], &created["eventId"], &created["channels"], &created["payload"]];
            equal(fields, json!([w.text("paid")?, self.event_id, ["north"], self.payload]), "fields")?;
            equal(sorted(&created["tags"]), tags, "tags")?;
            let age = (time(&now()) - time(&created["timestamp"])).num_minutes().abs();
            holds(age < 5, &format!("the time {}", created["timestamp"]))?;
            w.note("message", created);
            Ok(())
        })
        .await;

        step(
            "v1.message.create",
            "leaves the content out of the answer if it is not wanted",
            async || {
                let more = json!({"channels": ["south"], "payloadRetentionHours": 48});
                let without = MessageCreateOptions {
                    with_content: Some(false),
                    ..Default::default()
                };
                let bare = self.create(&w.text("sent")?, more, without).await?;
                equal(&bare["payload"], json!({}), "payload")?;
                w.note("bare", bare);
                Ok(())
            },
        )
        .await;

        step(
            "v1.message.create",
            "a repeat with the same idempotency key is the same message",
            async || {
                let key = unique();
                let options = || MessageCreateOptions {
                    idempotency_key: Some(key.clone()),
                    ..Default::default()
                };
                let first = self.create(&w.text("void")?, json!({}), options()).await?;
                let again = self.create(&w.text("void")?, json!({}), options()).await?;
                equal(
                    [&again["id"], &again["timestamp"]],
                    [&first["id"], &first["timestamp"]],
                    "id and time",
                )?;
                let another = MessageCreateOptions {
                    idempotency_key: Some(unique()),
                    ..Default::default()
                };
                let other = self.create(&w.text("void")?, json!({}), another).await?;
                holds(
                    other["id"] != first["id"],
                    "another key is the same message, too",
                )
            },
        )
        .await;
    }

    async fn refuses(&self) {
        let (w, api) = (self.w, self.w.svix.message());

        step(
            "v1.message.create",
            "409 when the own id is taken",
            async || {
                let again = self
                    .create(
                        &w.text("paid")?,
                        json!({"eventId": self.event_id}),
                        Default::default(),
                    )
                    .await;
                fails(409, "conflict", again)?;
                Ok(())
            },
        )
        .await;

        step(
            "v1.message.create",
            "422 for an event type that is no name, and 404 for an unknown application",
            async || {
                let detail = fails(
                    422,
                    "",
                    self.create("not a name", json!({}), Default::default())
                        .await,
                )?;
                equal(
                    [&detail[0]["loc"][0], &detail[0]["loc"][1]],
                    ["body", "eventType"],
                    "place",
                )?;
                let message = made(json!({"eventType": w.text("paid")?, "payload": {}}));
                fails(
                    404,
                    "not_found",
                    api.create(format!("{}-unknown", self.app), message, None)
                        .await,
                )?;
                Ok(())
            },
        )
        .await;
    }

    async fn gets(&self) {
        let w = self.w;

        step(
            "v1.message.get",
            "gets it by id and by the own id, as create answered it",
            async || {
                for name in [w.id("message")?, self.event_id.clone()] {
                    equal(self.get(name, true).await?, w.noted("message")?, "message")?;
                }
                Ok(())
            },
        )
        .await;

        step(
            "v1.message.get",
            "leaves the content out if it is not wanted",
            async || {
                equal(
                    &self.get(w.id("message")?, false).await?["payload"],
                    json!({}),
                    "payload",
                )
            },
        )
        .await;

        step("v1.message.get", "404 for an unknown message", async || {
            let unknown = format!("{}-unknown", self.event_id);
            fails(
                404,
                "not_found",
                w.svix.message().get(self.app.clone(), unknown, None).await,
            )?;
            Ok(())
        })
        .await;
    }

    async fn lists(&self) {
        let w = self.w;
        let two = |iterator: &Value| MessageListOptions {
            limit: Some(2),
            iterator: iterator.as_str().map(str::to_owned),
            ..Default::default()
        };

        step(
            "v1.message.list",
            "iterates forwards and backwards, the newest first",
            async || {
                let all = eventually(async || {
                    let found = ids(&self.list(Default::default()).await?);
                    equal(found.len(), 5, "number of messages")?;
                    Ok(found)
                })
                .await?;
                equal(&all[3..], [w.id("message")?, w.id("plain")?], "the oldest")?;
                let page = self.list(two(&Value::Null)).await?;
                equal(
                    (ids(&page), &page["done"]),
                    (&all[..2], false),
                    "the first page",
                )?;
                let second = self.list(two(&page["iterator"])).await?;
                equal(ids(&second), &all[2..4], "the second page")?;
                let last = self.list(two(&second["iterator"])).await?;
                equal(
                    (ids(&last), &last["done"]),
                    (&all[4..], true),
                    "the last page",
                )?;
                equal(
                    ids(&self.list(two(&second["prevIterator"])).await?),
                    &all[..2],
                    "back on the first page",
                )
            },
        )
        .await;

        step(
            "v1.message.list",
            "filters by event type, channel and tag",
            async || {
                let filtered = async |options: MessageListOptions| -> Outcome<Vec<Value>> {
                    Ok(ids(&self.list(options).await?))
                };
                let types = Some([w.text("paid")?, w.text("sent")?].into_iter().collect());
                let found = filtered(MessageListOptions {
                    event_types: types,
                    ..Default::default()
                })
                .await?;
                equal(found, [w.id("bare")?, w.id("message")?], "event types")?;
                let north = Some("north".to_owned());
                let found = filtered(MessageListOptions {
                    channel: north,
                    ..Default::default()
                })
                .await?;
                equal(found, [w.id("message")?], "channel")?;
                let vip = Some("vip".to_owned());
                let found = filtered(MessageListOptions {
                    tag: vip,
                    ..Default::default()
                })
                .await?;
                equal(found, [w.id("message")?], "tag")?;
                let nobody = Some("nobody".to_owned());
                let found = filtered(MessageListOptions {
                    tag: nobody,
                    ..Default::default()
                })
                .await?;
                equal(found, json!([]), "a tag without messages")
            },
        )
        .await;

        step("v1.message.list", "filters by time", async || {
            let start = w.noted("message")?["timestamp"].clone();
            let before = MessageListOptions {
                before: Some(made(start.clone())),
                ..Default::default()
            };
            equal(ids(&self.list(before).await?), [w.id("plain")?], "before")?;
            let after = MessageListOptions {
                after: Some(made(start)),
                ..Default::default()
            };
            let found = ids(&self.list(after).await?);
            holds(
                !found.contains(&json!(w.id("plain")?)) && found.len() >= 3,
                &format!("after shows {found:?}"),
            )?;
            let end = MessageListOptions {
                after: Some(made(later(&now(), 5))),
                ..Default::default()
            };
            equal(ids(&self.list(end).await?), json!([]), "after the last")
        })
        .await;

        step(
            "v1.message.list",
            "shows the content only if it is wanted",
            async || {
                for (with_content, payload) in [(true, &self.payload), (false, &json!({}))] {
                    let channel = Some("north".to_owned());
                    let options = MessageListOptions {
                        channel,
                        with_content: Some(with_content),
                        ..Default::default()
                    };
                    equal(
                        &self.list(options).await?["data"][0]["payload"],
                        payload,
                        "payload",
                    )?;
                }
                Ok(())
            },
        )
        .await;
    }

    async fn expunges(&self) {
        let (w, api) = (self.w, self.w.svix.message());
        let expired = json!({"expired": true});

        step(
            "v1.message.precheck",
            "says whether anybody would receive a message",
            async || {
                let precheck = json!({"eventType": w.text("paid")?});
                equal(
                    api.precheck(w.text("uid")?, made(precheck.clone()), None)
                        .await?
                        .active,
                    true,
                    "somebody",
                )?;
                equal(
                    api.precheck(self.app.clone(), made(precheck), None)
                        .await?
                        .active,
                    false,
                    "nobody",
                )
            },
        )
        .await;

        step(
            "v1.message.expunge-content",
            "forgets the content and keeps the message",
            async || {
                api.expunge_content(self.app.clone(), w.id("message")?)
                    .await?;
                let found = self.get(w.id("message")?, true).await?;
                equal(&found["payload"], &expired, "payload")?;
                equal(sorted(&found["tags"]), ["quarter/1", "vip"], "tags")
            },
        )
        .await;

        #[cfg(feature = "v2")]
        step(
            "v1.message.bulk-expunge-content",
            "forgets the contents of some",
            async || {
                let (bare, unknown) = (w.id("bare")?, "msg_000000000000000000000000000");
                let some = made(json!({"ids": [bare, unknown]}));
                let answer = value(
                    &api.bulk_expunge_content(self.app.clone(), some, None)
                        .await?,
                );
                equal(
                    &answer["results"],
                    json!({bare.clone(): "expunged", unknown: "not-found"}),
                    "results",
                )?;
                equal(&self.get(bare, true).await?["payload"], &expired, "payload")
            },
        )
        .await;

        step(
            "v1.message.expunge-all-contents",
            "forgets the contents of all, as a task",
            async || {
                let task = value(&api.expunge_all_contents(self.app.clone(), None).await?);
                equal(&task["task"], "application.purge_content", "task")?;
                eventually(async || {
                    equal(
                        &self.get(w.id("plain")?, true).await?["payload"],
                        &expired,
                        "payload",
                    )
                })
                .await
            },
        )
        .await;
    }
}
