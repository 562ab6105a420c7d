//! What arrives, its signatures, and sending again.
//!
//! The server has to give up soon: these steps expect three attempts within a few seconds.

mod again;

use serde_json::{Value, json};
use svix::api::EndpointGetStatsOptions;
use svix::webhooks::Webhook;

use crate::World;
use crate::harness::{
    APART, Outcome, Request, equal, eventually, fails, holds, later, made, now, step, string, value,
};
use crate::sdk::{MessageIn, TYPES};

pub const ATTEMPTS: usize = 3;
pub const NO_ENDPOINT: &str = "ep_000000000000000000000000000";
const OWN_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub fn verifies(secret: &str, request: &Request) -> bool {
    Webhook::new(secret)
        .is_ok_and(|webhook| webhook.verify(&request.body, &request.headers).is_ok())
}

struct Deliveries<'a> {
    w: &'a World,
    app: String,
    good_path: String,
    bad_path: String,
}

fn deliveries<'a>(w: &'a World, app: &str) -> Deliveries<'a> {
    let (good_path, bad_path) = (w.receiver.path("good", 0), w.receiver.path("bad", ATTEMPTS));
    Deliveries {
        w,
        app: app.to_owned(),
        good_path,
        bad_path,
    }
}

pub async fn walk(w: &World, app: &str) {
    deliveries(w, app).first().await;
}

/// After the attempts were looked at, as it makes more of them.
pub async fn again(w: &World, app: &str) {
    let deliveries = deliveries(w, app);
    deliveries.stats().await;
    deliveries.resend().await;
    deliveries.rotate().await;
    deliveries.examples().await;
    deliveries.recover().await;
    deliveries.replay().await;
    deliveries.cancelled().await;
    deliveries.later().await;
}

impl Deliveries<'_> {
    async fn send(&self, message: Value) -> Outcome<Value> {
        let created = self
            .w
            .svix
            .message()
            .create(self.app.clone(), made(message), None)
            .await?;
        tokio::time::sleep(APART).await;
        Ok(value(&created))
    }

    async fn endpoint(&self, endpoint: Value) -> Outcome<Value> {
        Ok(value(
            &self
                .w
                .svix
                .endpoint()
                .create(self.app.clone(), made(endpoint), None)
                .await?,
        ))
    }

    async fn secret_of(&self, endpoint: &'static str) -> Outcome<String> {
        Ok(self
            .w
            .svix
            .endpoint()
            .get_secret(self.app.clone(), self.w.id(endpoint)?)
            .await?
            .key)
    }

    async fn arrived(&self, message: &str) -> Outcome<Request> {
        Ok(self.w.receiver.wait(&self.good_path, message, 1).await?[0].clone())
    }

    async fn first(&self) {
        let w = self.w;

        step("v1.endpoint.create", "receives a message that was sent at once after it", async || {
            w.svix.application().create(made(json!({"name": "Deliveries", "uid": self.app})), None).await?;
            let types = json!([w.text("paid")?, w.text("sent")?]);
            let url = w.receiver.url(&self.good_path);
            w.note("good", self.endpoint(json!({"url": url, "headers": {"X-Walk": "good"}, TYPES: types})).await?);
            let url = w.receiver.url(&self.bad_path);
            w.note("bad", self.endpoint(json!({"url": url, "channels": ["north"]})).await?);
            let payload = json!({"text": "Zoë & <co>"});
            let message = json!({"eventType": w.text("paid")?, "payload": payload, "channels": ["north"], "tags": ["vip"]});
            w.note("to both", self.send(message).await?);
            w.note("to good", self.send(json!({"eventType": w.text("sent")?, "payload": {"number": 1}})).await?);
            w.note("to nobody", self.send(json!({"eventType": w.text("void")?, "payload": {"number": 1}})).await?);
            self.arrived(&w.id("to both")?).await?;
            Ok(())
        })
        .await;

        step(
            "v1.message.create",
            "is delivered with the endpoint's headers, signed so that the SDK verifies it",
            async || {
                let mut request = self.arrived(&w.id("to both")?).await?;
                let headers = [request.header("x-walk"), request.header("content-type")];
                equal(headers, ["good", "application/json"], "headers")?;
                let secret = self.secret_of("good").await?;
                equal(verifies(&secret, &request), true, "verifies")?;
                holds(
                    String::from_utf8_lossy(&request.body).contains("Zoë & <co>"),
                    "the body is another",
                )?;
                equal(
                    verifies(&self.secret_of("bad").await?, &request),
                    false,
                    "verifies with another secret",
                )?;
                request.body.push(b' ');
                equal(
                    verifies(&secret, &request),
                    false,
                    "verifies although it was changed",
                )
            },
        )
        .await;

        step(
            "v1.message.create",
            "a raw payload is delivered byte for byte",
            async || {
                let raw = "{\"b\": 1,\t\"a\":  [1.0, \"\\u00eb\"]}";
                let message = MessageIn::new_raw_payload(w.text("sent")?, raw.to_owned());
                let created = value(
                    &w.svix
                        .message()
                        .create(self.app.clone(), message, None)
                        .await?,
                );
                tokio::time::sleep(APART).await;
                let request = self.arrived(&string(&created["id"])).await?;
                w.note("raw", created);
                equal(String::from_utf8_lossy(&request.body), raw, "body")
            },
        )
        .await;
    }

    async fn stats(&self) {
        let (w, api) = (self.w, self.w.svix.endpoint());

        step("v1.endpoint.get-stats", "counts attempts", async || {
            eventually(async || {
                let good = api.get_stats(self.app.clone(), w.id("good")?, None).await?;
                equal(
                    [good.success, good.fail, good.pending, good.sending],
                    [3, 0, 0, 0],
                    "of the first",
                )?;
                let bad = api.get_stats(self.app.clone(), w.id("bad")?, None).await?;
                equal(
                    json!([bad.success, bad.fail]),
                    json!([0, ATTEMPTS]),
                    "of the second",
                )
            })
            .await?;
            let between = |since: Value, until: Value| {
                Some(EndpointGetStatsOptions {
                    since: Some(made(since)),
                    until: Some(made(until)),
                })
            };
            let start = w.noted("to both")?["timestamp"].clone();
            let early = between(later(&now(), -60), start);
            let before = api
                .get_stats(self.app.clone(), w.id("good")?, early)
                .await?;
            equal(before.success, 0, "before the first message")?;
            let too_long = between(later(&now(), -40 * 24 * 60), now());
            fails(
                400,
                "invalid_range",
                api.get_stats(self.app.clone(), w.id("good")?, too_long)
                    .await,
            )?;
            Ok(())
        })
        .await;

        #[cfg(feature = "v2")]
        step(
            "v1.endpoint.get-attempt-stats",
            "counts attempts",
            async || {
                let stats = value(
                    &api.get_attempt_stats(self.app.clone(), w.id("bad")?, None)
                        .await?,
                );
                equal(
                    stats,
                    json!({"success": 0, "fail": ATTEMPTS, "canceled": 0}),
                    "attempts",
                )
            },
        )
        .await;
    }

    async fn rotate(&self) {
        let (w, api) = (self.w, self.w.svix.endpoint());
        let paid = async || -> Outcome<Request> {
            let message = self
                .send(json!({"eventType": w.text("paid")?, "payload": {"number": 1}}))
                .await?;
            self.arrived(&string(&message["id"])).await
        };

        step(
            "v1.endpoint.rotate-secret",
            "for a while the old and the new secret verify",
            async || {
                let old = self.secret_of("good").await?;
                let rotate = made(json!({"gracePeriodSeconds": 3600}));
                let answer = value(
                    &api.rotate_secret(self.app.clone(), w.id("good")?, rotate, None)
                        .await?,
                );
                let new = self.secret_of("good").await?;
                holds(new != old, "the secret stays")?;
                if cfg!(feature = "v2") {
                    equal(&answer["key"], &new, "answer")?;
                }
                let request = paid().await?;
                equal(
                    request.header("svix-signature").split(' ').count(),
                    2,
                    "number of signatures",
                )?;
                equal(
                    [verifies(&old, &request), verifies(&new, &request)],
                    [true, true],
                    "the old and the new verify",
                )?;
                w.note("rotated", json!(new));
                Ok(())
            },
        )
        .await;

        step(
            "v1.endpoint.rotate-secret",
            "without grace to a secret that was brought along",
            async || {
                let rotate = made(json!({"key": OWN_SECRET, "gracePeriodSeconds": 0}));
                api.rotate_secret(self.app.clone(), w.id("good")?, rotate, None)
                    .await?;
                equal(self.secret_of("good").await?, OWN_SECRET, "secret")?;
                let request = paid().await?;
                let found = [
                    verifies(OWN_SECRET, &request),
                    verifies(&w.text("rotated")?, &request),
                ];
                equal(found, [true, false], "the new and the old verify")
            },
        )
        .await;
    }

    async fn examples(&self) {
        let (w, api) = (self.w, self.w.svix.endpoint());

        step(
            "v1.endpoint.send-example",
            "sends an event type's example",
            async || {
                let example = made(json!({"eventType": w.text("paid")?}));
                let message = api
                    .send_example(self.app.clone(), w.id("good")?, example, None)
                    .await?;
                equal(&message.event_type, w.text("paid")?, "event type")?;
                let request = self.arrived(&message.id).await?;
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                equal(body, json!({"amount": 1200}), "body")
            },
        )
        .await;

        step(
            "v1.endpoint.send-example",
            "400 for an event type without an example",
            async || {
                let example = made(json!({"eventType": w.text("sent")?}));
                let answer = api
                    .send_example(self.app.clone(), w.id("good")?, example, None)
                    .await;
                fails(400, "invalid_scheme", answer)?;
                Ok(())
            },
        )
        .await;
    }
}
