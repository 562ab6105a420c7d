//! Deliveries that are asked for again, called off, or wanted later.

use serde_json::{Value, json};
use svix::api::{MessageAttemptListAttemptedMessagesOptions, MessageAttemptListByMsgOptions};

use super::{ATTEMPTS, Deliveries, NO_ENDPOINT};
use crate::harness::{
    Outcome, each, equal, eventually, fails, holds, later, made, now, sorted, step, string, time,
    value,
};
use crate::sdk::TYPES;
use crate::usage::finished;

impl Deliveries<'_> {
    pub(super) async fn resend(&self) {
        let (w, api) = (self.w, self.w.svix.message_attempt());

        step(
            "v1.message-attempt.resend",
            "sends again, to this endpoint alone",
            async || {
                let (message, bad) = (w.id("to both")?, w.id("bad")?);
                api.resend(self.app.clone(), message.clone(), bad.clone(), None)
                    .await?;
                w.receiver
                    .wait(&self.bad_path, &message, ATTEMPTS + 1)
                    .await?;
                eventually(async || {
                    let options = MessageAttemptListByMsgOptions {
                        endpoint_id: Some(bad.clone()),
                        ..Default::default()
                    };
                    let page = value(
                        &api.list_by_msg(self.app.clone(), message.clone(), Some(options))
                            .await?,
                    );
                    let newest = &page["data"][0];
                    equal(
                        [&newest["status"], &newest["triggerType"]],
                        [0, 1],
                        "status and trigger",
                    )
                })
                .await?;
                equal(
                    w.receiver.received(&self.good_path).await?.len(),
                    3,
                    "requests at the other endpoint",
                )
            },
        )
        .await;

        step(
            "v1.message-attempt.resend",
            "404 for an unknown endpoint",
            async || {
                let answer = api
                    .resend(
                        self.app.clone(),
                        w.id("to both")?,
                        NO_ENDPOINT.to_owned(),
                        None,
                    )
                    .await;
                fails(404, "not_found", answer)?;
                Ok(())
            },
        )
        .await;
    }

    pub(super) async fn recover(&self) {
        let (w, api) = (self.w, self.w.svix.endpoint());

        step("v1.endpoint.recover", "sends again what had failed since then", async || {
            let path = w.receiver.path("recovered", ATTEMPTS);
            let failing = self.endpoint(json!({"url": w.receiver.url(&path), "channels": ["recover"]})).await?;
            let failing = string(&failing["id"]);
            let message = json!({"eventType": w.text("void")?, "payload": {"number": 1}, "channels": ["recover"]});
            let message = self.send(message).await?;
            let id = string(&message["id"]);
            w.receiver.wait(&path, &id, ATTEMPTS).await?;
            eventually(async || {
                let attempts = w.svix.message_attempt();
                let page = attempts.list_by_endpoint(self.app.clone(), failing.clone(), None).await?;
                equal(page.data.len(), ATTEMPTS, "number of attempts")
            })
            .await?;
            let since = made(json!({"since": later(&message["timestamp"], -1)}));
            let task = api.recover(self.app.clone(), failing.clone(), since, None).await?;
            w.receiver.wait(&path, &id, ATTEMPTS + 1).await?;
            finished(w, task.id, "endpoint.recover").await
        })
        .await;

        step(
            "v1.endpoint.recover",
            "422 for more than two weeks",
            async || {
                let early = made(json!({"since": later(&now(), -20 * 24 * 60), "until": now()}));
                fails(
                    422,
                    "",
                    api.recover(self.app.clone(), w.id("good")?, early, None)
                        .await,
                )?;
                Ok(())
            },
        )
        .await;
    }

    pub(super) async fn replay(&self) {
        let (w, api) = (self.w, self.w.svix.endpoint());

        step(
            "v1.endpoint.replay-missing",
            "sends what was never sent to this endpoint",
            async || {
                let path = w.receiver.path("late", 0);
                let late = self
                    .endpoint(json!({"url": w.receiver.url(&path), TYPES: [w.text("sent")?]}))
                    .await?;
                let since = made(json!({"since": later(&w.noted("to both")?["timestamp"], -1)}));
                let task = api
                    .replay_missing(self.app.clone(), string(&late["id"]), since, None)
                    .await?;
                w.receiver.wait(&path, &w.id("to good")?, 1).await?;
                w.receiver.wait(&path, &w.id("raw")?, 1).await?;
                finished(w, task.id, "endpoint.replay").await?;
                let requests = w.receiver.received(&path).await?;
                let found: Vec<&str> = requests
                    .iter()
                    .map(|request| request.header("svix-id"))
                    .collect();
                equal(
                    sorted(&json!(found)),
                    sorted(&json!([w.id("to good")?, w.id("raw")?])),
                    "messages",
                )
            },
        )
        .await;

        step("v1.endpoint.bulk-replay", "sends again what its filters select", async || {
            let since = later(&w.noted("to both")?["timestamp"], -1);
            let select = json!({"since": since, "eventTypes": [w.text("paid")?], "tag": "vip", "channel": "north"});
            let task = api.bulk_replay(self.app.clone(), w.id("good")?, made(select), None).await?;
            w.receiver.wait(&self.good_path, &w.id("to both")?, 2).await?;
            finished(w, task.id, "endpoint.bulk-replay").await?;
            let left_out = w.receiver.wait(&self.good_path, &w.id("to good")?, 1).await?;
            equal(left_out.len(), 1, "requests for what the filters leave out")
        })
        .await;
    }

    pub(super) async fn cancelled(&self) {
        type Options = MessageAttemptListAttemptedMessagesOptions;
        let w = self.w;

        step(
            "v1.message-attempt.list-attempted-messages",
            "a cancelled delivery has failed, and is canceled for those who ask for all statuses",
            async || {
                let path = w.receiver.path("cancelled", ATTEMPTS);
                let failing = json!({"url": w.receiver.url(&path), "channels": ["cancelled"]});
                let failing = string(&self.endpoint(failing).await?["id"]);
                let message = json!({"eventType": w.text("void")?, "payload": {"number": 1}, "channels": ["cancelled"]});
                let message = self.send(message).await?;
                w.receiver.wait(&path, &string(&message["id"]), 1).await?;
                let disable = made(json!({"disabled": true}));
                w.svix.endpoint().patch(self.app.clone(), failing.clone(), disable).await?;

                let shows = async |expanded, status: Option<u8>, expected: Value, what: &str| -> Outcome {
                    let options = Options {
                        expanded_statuses: Some(expanded),
                        status: status.map(|status| made(json!(status))),
                        ..Default::default()
                    };
                    let attempts = w.svix.message_attempt();
                    let page = attempts.list_attempted_messages(self.app.clone(), failing.clone(), Some(options)).await?;
                    let page = value(&page);
                    equal([each(&page, "status"), each(&page, "statusText")], expected, what)
                };
                let canceled = json!([[4], ["canceled"]]);
                eventually(async || shows(true, None, canceled.clone(), "all statuses").await).await?;
                shows(true, Some(4), canceled, "the canceled").await?;
                shows(true, Some(2), json!([[], []]), "the failed, of all statuses").await?;
                shows(false, None, json!([[2], ["fail"]]), "the usual statuses").await
            },
        )
        .await;
    }

    pub(super) async fn later(&self) {
        let w = self.w;

        step("v1.message.create", "delivers later if it is asked to", async || {
            let seconds = time(&now()).timestamp() + 4;
            let at = json!(chrono::DateTime::from_timestamp(seconds, 0));
            let message = json!({"eventType": w.text("sent")?, "payload": {"number": 1}, "deliverAt": at});
            let created = self.send(message).await?;
            equal(time(&created["deliverAt"]).timestamp(), seconds, "deliver at")?;
            let id = string(&created["id"]);
            let read = value(&w.svix.message().get(self.app.clone(), id.clone(), None).await?);
            equal(time(&read["deliverAt"]).timestamp(), seconds, "deliver at, of the message that was read")?;
            let request = self.arrived(&id).await?;
            let sent: i64 = request.header("svix-timestamp").parse().unwrap_or_default();
            holds(sent >= seconds, &format!("it was sent at {sent}, before {seconds}"))
        })
        .await;
    }
}
