//! The attempts that deliveries took, in all listings and with all filters.

mod destinations;
mod of_endpoint;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use svix::api::{MessageAttemptListByEndpointOptions, MessageAttemptListByMsgOptions};

use crate::World;
use crate::deliveries::{ATTEMPTS, NO_ENDPOINT};
use crate::harness::{
    Outcome, each, equal, eventually, fails, holds, ids, made, step, string, time, value,
};

const ALL: usize = 1 + ATTEMPTS;

struct Attempts<'a> {
    w: &'a World,
    app: String,
}

pub async fn walk(w: &World, app: &str) {
    let attempts = Attempts {
        w,
        app: app.to_owned(),
    };
    attempts.by_message().await;
    attempts.filters_by_message().await;
    attempts.single().await;
    attempts.by_endpoint().await;
    attempts.filters_by_endpoint().await;
    attempts.messages().await;
    attempts.destinations().await;
    #[cfg(feature = "v1")]
    attempts.deprecated().await;
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn contains(response: &Value, word: &str) -> Outcome {
    holds(
        string(response).contains(word),
        &format!("the response {response}"),
    )
}

impl Attempts<'_> {
    async fn of_message(&self, options: MessageAttemptListByMsgOptions) -> Outcome<Value> {
        let api = self.w.svix.message_attempt();
        Ok(value(
            &api.list_by_msg(self.app.clone(), self.w.id("to both")?, Some(options))
                .await?,
        ))
    }

    async fn count(&self, options: MessageAttemptListByMsgOptions) -> Outcome<usize> {
        Ok(ids(&self.of_message(options).await?).len())
    }

    async fn at(
        &self,
        endpoint: &'static str,
        options: MessageAttemptListByEndpointOptions,
    ) -> Outcome<Value> {
        let api = self.w.svix.message_attempt();
        Ok(value(
            &api.list_by_endpoint(self.app.clone(), self.w.id(endpoint)?, Some(options))
                .await?,
        ))
    }

    /// The messages of the attempts at an endpoint, sorted.
    async fn messages_at(
        &self,
        endpoint: &'static str,
        options: MessageAttemptListByEndpointOptions,
    ) -> Outcome<BTreeSet<String>> {
        Ok(each(&self.at(endpoint, options).await?, "msgId")
            .iter()
            .map(string)
            .collect())
    }

    async fn by_message(&self) {
        type Options = MessageAttemptListByMsgOptions;
        let w = self.w;

        step(
            "v1.message-attempt.list-by-msg",
            "lists all attempts, the newest first",
            async || {
                let found = eventually(async || {
                    let page = self
                        .of_message(Options {
                            with_content: Some(true),
                            ..Default::default()
                        })
                        .await?;
                    equal(ids(&page).len(), ALL, "number of attempts")?;
                    Ok(page["data"].as_array().cloned().unwrap_or_default())
                })
                .await?;
                for pair in found.windows(2) {
                    // Ids, which decide about the order, have a resolution of 4 ms.
                    let ahead = time(&pair[0]["timestamp"]) - time(&pair[1]["timestamp"]);
                    holds(ahead.num_milliseconds() > -20, "the order")?;
                }
                let good = &w.noted("good")?;
                for one in found {
                    let status = [
                        &one["status"],
                        &one["statusText"],
                        &one["responseStatusCode"],
                    ];
                    if one["endpointId"] != good["id"] {
                        equal(status, json!([2, "fail", 500]), "the failed")?;
                        w.note("failed attempt", one);
                        continue;
                    }
                    equal(status, json!([0, "success", 200]), "the successful")?;
                    let rest = [&one["msgId"], &one["url"], &one["triggerType"]];
                    equal(
                        rest,
                        json!([w.id("to both")?, good["url"], 0]),
                        "message, url and trigger",
                    )?;
                    contains(&one["response"], "received")?;
                    holds(
                        one["responseDurationMs"].as_i64().is_some_and(|it| it >= 0),
                        "the duration",
                    )?;
                    w.note("attempt", one);
                }
                Ok(())
            },
        )
        .await;

        step(
            "v1.message-attempt.list-by-msg",
            "iterates forwards and backwards",
            async || {
                let all = ids(&self.of_message(Default::default()).await?);
                let page = async |iterator: &Value| {
                    let iterator = iterator.as_str().map(str::to_owned);
                    self.of_message(Options {
                        limit: Some(2),
                        iterator,
                        ..Default::default()
                    })
                    .await
                };
                let first = page(&Value::Null).await?;
                equal(
                    (ids(&first), &first["done"]),
                    (&all[..2], false),
                    "the first page",
                )?;
                let second = page(&first["iterator"]).await?;
                equal(
                    (ids(&second), &second["done"]),
                    (&all[2..], true),
                    "the second page",
                )?;
                equal(
                    ids(&page(&second["prevIterator"]).await?),
                    &all[..2],
                    "back on the first page",
                )
            },
        )
        .await;
    }

    async fn filters_by_message(&self) {
        type Options = MessageAttemptListByMsgOptions;
        let w = self.w;

        step(
            "v1.message-attempt.list-by-msg",
            "filters by status, status code class and endpoint",
            async || {
                for (status, expected) in [(0, 1), (2, ATTEMPTS)] {
                    let options = Options {
                        status: Some(made(json!(status))),
                        ..Default::default()
                    };
                    equal(self.count(options).await?, expected, "of one status")?;
                }
                for (class, expected) in [(200, 1), (500, ATTEMPTS), (0, 0)] {
                    let options = Options {
                        status_code_class: Some(made(json!(class))),
                        ..Default::default()
                    };
                    equal(self.count(options).await?, expected, "of one class")?;
                }
                let options = |id: String| Options {
                    endpoint_id: Some(id),
                    ..Default::default()
                };
                equal(
                    self.count(options(w.id("good")?)).await?,
                    1,
                    "of one endpoint",
                )?;
                let api = w.svix.message_attempt();
                let unknown = Some(options(NO_ENDPOINT.to_owned()));
                fails(
                    404,
                    "not_found",
                    api.list_by_msg(self.app.clone(), w.id("to both")?, unknown)
                        .await,
                )?;
                Ok(())
            },
        )
        .await;

        step(
            "v1.message-attempt.list-by-msg",
            "filters by channel, tag, event type and time",
            async || {
                let start = w.noted("to both")?["timestamp"].clone();
                let types = |name: String| Some([name].into_iter().collect());
                for (options, expected) in [
                    (
                        Options {
                            channel: some("north"),
                            ..Default::default()
                        },
                        ALL,
                    ),
                    (
                        Options {
                            channel: some("south"),
                            ..Default::default()
                        },
                        0,
                    ),
                    (
                        Options {
                            tag: some("vip"),
                            ..Default::default()
                        },
                        ALL,
                    ),
                    (
                        Options {
                            tag: some("nobody"),
                            ..Default::default()
                        },
                        0,
                    ),
                    (
                        Options {
                            event_types: types(w.text("paid")?),
                            ..Default::default()
                        },
                        ALL,
                    ),
                    (
                        Options {
                            event_types: types(w.text("sent")?),
                            ..Default::default()
                        },
                        0,
                    ),
                    (
                        Options {
                            after: Some(made(start.clone())),
                            ..Default::default()
                        },
                        ALL,
                    ),
                    (
                        Options {
                            before: Some(made(start.clone())),
                            ..Default::default()
                        },
                        0,
                    ),
                ] {
                    equal(self.count(options).await?, expected, "of one filter")?;
                }
                Ok(())
            },
        )
        .await;

        step(
            "v1.message-attempt.list-by-msg",
            "shows the response only if it is wanted",
            async || {
                let first = async |with_content: bool| -> Outcome<Value> {
                    let status = Some(made(json!(0)));
                    let options = Options {
                        status,
                        with_content: Some(with_content),
                        ..Default::default()
                    };
                    Ok(self.of_message(options).await?["data"][0]["response"].clone())
                };
                contains(&first(true).await?, "received")?;
                equal(first(false).await?, "{}", "response")
            },
        )
        .await;
    }

    async fn single(&self) {
        let (w, api) = (self.w, self.w.svix.message_attempt());
        let get = async |attempt: String| -> Outcome<Value> {
            Ok(value(
                &api.get(self.app.clone(), w.id("to both")?, attempt, None)
                    .await?,
            ))
        };

        step(
            "v1.message-attempt.get",
            "gets one as it was listed; 404 if it is unknown",
            async || {
                equal(get(w.id("attempt")?).await?, w.noted("attempt")?, "attempt")?;
                let unknown = "atmpt_000000000000000000000000000".to_owned();
                fails(
                    404,
                    "not_found",
                    api.get(self.app.clone(), w.id("to both")?, unknown, None)
                        .await,
                )?;
                Ok(())
            },
        )
        .await;

        step(
            "v1.message-attempt.expunge-content",
            "forgets the response",
            async || {
                api.expunge_content(self.app.clone(), w.id("to both")?, w.id("failed attempt")?)
                    .await?;
                equal(
                    &get(w.id("failed attempt")?).await?["response"],
                    "EXPUNGED",
                    "response",
                )
            },
        )
        .await;
    }

    #[cfg(feature = "v1")]
    async fn deprecated(&self) {
        let (w, api) = (self.w, self.w.svix.message_attempt());

        step(
            "v1.message-attempt.list-attempts-for-endpoint",
            "lists the attempts at one endpoint",
            async || {
                #[expect(deprecated, reason = "users of the first generation may still call it")]
                let page = api
                    .list_attempts_for_endpoint(
                        self.app.clone(),
                        w.id("to both")?,
                        w.id("bad")?,
                        None,
                    )
                    .await?;
                equal(ids(&page).len(), ATTEMPTS, "number of attempts")
            },
        )
        .await;
    }
}
