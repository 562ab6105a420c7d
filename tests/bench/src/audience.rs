//! The applications and endpoints that events of a measurement go to.

use std::sync::Arc;

use anyhow::{Context, ensure};
use posthorn_e2e::Client;
use posthorn_event_schema::ApplicationId;
use posthorn_signing::{Signer, SigningSecret};
use serde_json::json;
use tokio::task::JoinSet;

use crate::checker::Checker;

/// Applications that are made at a time.
const AT_A_TIME: usize = 16;

/// Applications with the same number of endpoints each, all at one checker.
pub(crate) struct Audience {
    pub(crate) applications: Vec<ApplicationId>,
    /// Endpoints of each.
    pub(crate) fan_out: usize,
    /// What signs for them, by application and place.
    pub(crate) signers: Vec<Vec<Signer>>,
}

impl Audience {
    /// Makes `endpoints` in applications of `fan_out` each, and tells the checker who signs.
    ///
    /// # Errors
    /// When the numbers do not go together, or something is refused.
    pub(crate) async fn make(
        client: &Client,
        checker: &Arc<Checker>,
        endpoints: usize,
        fan_out: usize,
    ) -> anyhow::Result<Self> {
        ensure!(
            fan_out > 0 && endpoints >= fan_out && endpoints.is_multiple_of(fan_out),
            "{endpoints} endpoints are not a number of applications with {fan_out} each"
        );
        make_event_type(client).await?;
        let count = endpoints / fan_out;
        // Another server may still know the applications of the run before.
        let run = posthorn_e2e::settings::now().as_unix_micros();
        let mut making = JoinSet::new();
        for first in 0..AT_A_TIME.min(count) {
            let (client, checker) = (client.clone(), Arc::clone(checker));
            making.spawn(async move {
                let mut made = Vec::new();
                for number in (first..count).step_by(AT_A_TIME) {
                    made.push((
                        number,
                        make_one(&client, &checker, (run, number), fan_out).await?,
                    ));
                }
                anyhow::Ok(made)
            });
        }
        let mut made = Vec::with_capacity(count);
        while let Some(part) = making.join_next().await {
            made.extend(part??);
        }
        made.sort_by_key(|(number, _)| *number);
        let (applications, signers): (Vec<_>, Vec<_>) =
            made.into_iter().map(|(_, application)| application).unzip();
        checker.expect(signers.clone());
        Ok(Self {
            applications,
            fan_out,
            signers,
        })
    }
}

/// Some servers send only events of types that they know.
async fn make_event_type(client: &Client) -> anyhow::Result<()> {
    let kind = json!({"name": "a", "description": "of a benchmark"});
    let made = client.post("/event-type", &kind).await;
    ensure!(matches!(made.status, 201 | 409), "event type: {made:?}");
    Ok(())
}

async fn make_one(
    client: &Client,
    checker: &Checker,
    (run, number): (i64, usize),
    fan_out: usize,
) -> anyhow::Result<(ApplicationId, Vec<Signer>)> {
    let application = client.application(&format!("bench-{run}-{number}")).await;
    let mut signers = Vec::with_capacity(fan_out);
    for place in 0..fan_out {
        let url = checker.url(number, place);
        let (_endpoint, secret) = client.endpoint(&application, &url).await;
        let secret = SigningSecret::parse(&secret).context("the endpoint's secret")?;
        signers.push(Signer::new(&[secret]));
    }
    Ok((ApplicationId::parse(&application)?, signers))
}
