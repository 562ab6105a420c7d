//! Which messages went to an endpoint, and to which endpoints a message went.

use serde_json::{Value, json};
use svix::api::{
    MessageAttemptListAttemptedDestinationsOptions, MessageAttemptListAttemptedMessagesOptions,
};

use super::{Attempts, some};
use crate::harness::{Outcome, each, equal, eventually, holds, ids, made, step, value};

impl Attempts<'_> {
    async fn attempted(
        &self,
        endpoint: &'static str,
        options: MessageAttemptListAttemptedMessagesOptions,
    ) -> Outcome<Value> {
        let api = self.w.svix.message_attempt();
        Ok(value(
            &api.list_attempted_messages(self.app.clone(), self.w.id(endpoint)?, Some(options))
                .await?,
        ))
    }

    pub(super) async fn messages(&self) {
        type Options = MessageAttemptListAttemptedMessagesOptions;
        let w = self.w;
        let at_good = async |options: Options, expected: &[String], what: &str| -> Outcome {
            equal(ids(&self.attempted("good", options).await?), expected, what)
        };

        step(
            "v1.message-attempt.list-attempted-messages",
            "filters by status, channel, tag, event type and time",
            async || {
                let all = [w.id("raw")?, w.id("to good")?, w.id("to both")?];
                let one = &all[2..];
                let status = |number: u8| Options {
                    status: Some(made(json!(number))),
                    ..Default::default()
                };
                eventually(async || at_good(Default::default(), &all, "all").await).await?;
                at_good(status(0), &all, "successes").await?;
                at_good(status(2), &[], "failures").await?;
                equal(
                    ids(&self.attempted("bad", status(2)).await?),
                    one,
                    "failures of the other",
                )?;
                at_good(
                    Options {
                        channel: some("north"),
                        ..Default::default()
                    },
                    one,
                    "channel",
                )
                .await?;
                at_good(
                    Options {
                        tag: some("vip"),
                        ..Default::default()
                    },
                    one,
                    "tag",
                )
                .await?;
                let event_types = Some([w.text("sent")?].into_iter().collect());
                at_good(
                    Options {
                        event_types,
                        ..Default::default()
                    },
                    &all[..2],
                    "event type",
                )
                .await?;
                let before = Some(made(w.noted("to good")?["timestamp"].clone()));
                at_good(
                    Options {
                        before,
                        ..Default::default()
                    },
                    one,
                    "before",
                )
                .await?;
                let after = Some(made(w.noted("to both")?["timestamp"].clone()));
                let found = ids(&self
                    .attempted(
                        "good",
                        Options {
                            after,
                            ..Default::default()
                        },
                    )
                    .await?);
                holds(
                    !found.contains(&json!(all[2])),
                    "after shows what came before",
                )?;
                let next = Options {
                    limit: Some(1),
                    iterator: some(&all[0]),
                    ..Default::default()
                };
                at_good(next, &all[1..2], "the next page").await?;
                let back = Options {
                    limit: Some(1),
                    iterator: Some(format!("-{}", all[1])),
                    ..Default::default()
                };
                at_good(back, &all[..1], "back on the first page").await
            },
        )
        .await;

        step(
            "v1.message-attempt.list-attempted-messages",
            "shows the status, and the content only if it is wanted",
            async || {
                let north = |with_content| Options {
                    channel: some("north"),
                    with_content: Some(with_content),
                    ..Default::default()
                };
                let full = self.attempted("good", north(true)).await?["data"][0].clone();
                let fields = [
                    &full["status"],
                    &full["statusText"],
                    &full["payload"],
                    &full["nextAttempt"],
                ];
                equal(
                    fields,
                    json!([0, "success", {"text": "Zoë & <co>"}, null]),
                    "the delivered",
                )?;
                let bare = self.attempted("bad", north(false)).await?["data"][0].clone();
                equal(
                    [&bare["status"], &bare["statusText"], &bare["payload"]],
                    json!([2, "fail", {}]),
                    "the failed",
                )
            },
        )
        .await;
    }

    pub(super) async fn destinations(&self) {
        type Options = MessageAttemptListAttemptedDestinationsOptions;
        let (w, api) = (self.w, self.w.svix.message_attempt());
        let page = async |message: &'static str, options: Options| -> Outcome<Value> {
            Ok(value(
                &api.list_attempted_destinations(self.app.clone(), w.id(message)?, Some(options))
                    .await?,
            ))
        };

        step(
            "v1.message-attempt.list-attempted-destinations",
            "lists the endpoints with their status",
            async || {
                for (message, endpoints, statuses) in [
                    (
                        "to both",
                        json!([w.id("good")?, w.id("bad")?]),
                        json!(["success", "fail"]),
                    ),
                    ("to good", json!([w.id("good")?]), json!(["success"])),
                    ("to nobody", json!([]), json!([])),
                ] {
                    let found = page(message, Default::default()).await?;
                    equal(
                        (ids(&found), each(&found, "statusText")),
                        (endpoints, statuses),
                        message,
                    )?;
                }
                Ok(())
            },
        )
        .await;

        step(
            "v1.message-attempt.list-attempted-destinations",
            "iterates forwards and backwards",
            async || {
                let first = page(
                    "to both",
                    Options {
                        limit: Some(1),
                        ..Default::default()
                    },
                )
                .await?;
                equal(
                    (ids(&first), &first["done"]),
                    ([w.id("good")?], false),
                    "the first page",
                )?;
                let iterator = first["iterator"].as_str().map(str::to_owned);
                let second = page(
                    "to both",
                    Options {
                        limit: Some(1),
                        iterator,
                    },
                )
                .await?;
                equal(
                    (ids(&second), &second["done"]),
                    ([w.id("bad")?], true),
                    "the second page",
                )?;
                let iterator = second["prevIterator"].as_str().map(str::to_owned);
                let back = page(
                    "to both",
                    Options {
                        limit: Some(1),
                        iterator,
                    },
                )
                .await?;
                equal(ids(&back), [w.id("good")?], "back on the first page")
            },
        )
        .await;
    }
}
