//! Attempts at an endpoint, with each filter.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use svix::api::MessageAttemptListByEndpointOptions;

use super::{Attempts, contains, some};
use crate::harness::{Outcome, equal, eventually, ids, made, step};

impl Attempts<'_> {
    pub(super) async fn by_endpoint(&self) {
        type Options = MessageAttemptListByEndpointOptions;
        let w = self.w;

        step(
            "v1.message-attempt.list-by-endpoint",
            "filters by time, and iterates",
            async || {
                let all = eventually(async || {
                    let found = ids(&self.at("good", Default::default()).await?);
                    equal(found.len(), 3, "number of attempts")?;
                    Ok(found)
                })
                .await?;
                let start = w.noted("to both")?["timestamp"].clone();
                let before = Options {
                    before: Some(made(start.clone())),
                    ..Default::default()
                };
                equal(ids(&self.at("good", before).await?), json!([]), "before")?;
                let after = Options {
                    after: Some(made(start)),
                    ..Default::default()
                };
                equal(ids(&self.at("good", after).await?), &all, "after")?;
                let page = async |iterator: &Value| {
                    let iterator = iterator.as_str().map(str::to_owned);
                    self.at(
                        "good",
                        Options {
                            limit: Some(2),
                            iterator,
                            ..Default::default()
                        },
                    )
                    .await
                };
                let first = page(&Value::Null).await?;
                equal(ids(&first), &all[..2], "the first page")?;
                let second = page(&first["iterator"]).await?;
                equal(ids(&second), &all[2..], "the second page")?;
                equal(
                    ids(&page(&second["prevIterator"]).await?),
                    &all[..2],
                    "back on the first page",
                )
            },
        )
        .await;

        step(
            "v1.message-attempt.list-by-endpoint",
            "shows the response and the message only if they are wanted",
            async || {
                let vip = |with_content, with_msg| Options {
                    tag: some("vip"),
                    with_content: Some(with_content),
                    with_msg: Some(with_msg),
                    ..Default::default()
                };
                let full = self.at("good", vip(true, true)).await?["data"][0].clone();
                contains(&full["response"], "received")?;
                equal(&full["msg"]["id"], w.id("to both")?, "message")?;
                let bare = self.at("good", vip(false, false)).await?["data"][0].clone();
                equal(
                    [&bare["response"], &bare["msg"]],
                    json!(["{}", null]),
                    "response and message",
                )
            },
        )
        .await;
    }

    pub(super) async fn filters_by_endpoint(&self) {
        type Options = MessageAttemptListByEndpointOptions;
        let w = self.w;

        step(
            "v1.message-attempt.list-by-endpoint",
            "filters by status, status code class, channel, tag and event type",
            async || {
                let one = BTreeSet::from([w.id("to both")?]);
                let all = BTreeSet::from([w.id("to both")?, w.id("to good")?, w.id("raw")?]);
                let nothing = BTreeSet::new();
                let at_good =
                    async |options: Options, expected: &BTreeSet<String>, what: &str| -> Outcome {
                        equal(self.messages_at("good", options).await?, expected, what)
                    };
                let status = |number: u8| Options {
                    status: Some(made(json!(number))),
                    ..Default::default()
                };
                let class = |number: u16| Options {
                    status_code_class: Some(made(json!(number))),
                    ..Default::default()
                };
                eventually(async || at_good(Default::default(), &all, "all").await).await?;
                at_good(status(0), &all, "successes").await?;
                at_good(status(2), &nothing, "failures").await?;
                at_good(class(200), &all, "2xx").await?;
                at_good(class(400), &nothing, "4xx").await?;
                at_good(
                    Options {
                        channel: some("north"),
                        ..Default::default()
                    },
                    &one,
                    "channel",
                )
                .await?;
                at_good(
                    Options {
                        tag: some("vip"),
                        ..Default::default()
                    },
                    &one,
                    "tag",
                )
                .await?;
                let event_types = Some([w.text("paid")?].into_iter().collect());
                at_good(
                    Options {
                        event_types,
                        ..Default::default()
                    },
                    &one,
                    "event type",
                )
                .await?;
                equal(
                    self.messages_at("bad", status(2)).await?,
                    &one,
                    "failures of the other",
                )
            },
        )
        .await;
    }
}
