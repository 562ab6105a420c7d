//! The limit of delivering: a loop that signs the same bodies and posts them to the same receiver,
//! with the sender's own client, and does nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, ensure};
use http::{HeaderMap, HeaderValue};
use posthorn_egress::EgressPolicy;
use posthorn_sender::answer::Answer;
use posthorn_sender::client::Client;
use posthorn_sender::request::DeliveryRequest;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use crate::load::{Load, body};

/// Requests under way at a time, as many as keep both processors busy.
const AT_A_TIME: usize = 64;
/// The deadline of a request.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Deliveries per second.
///
/// # Errors
/// When one is refused.
pub(crate) async fn rate(load: &Load) -> anyhow::Result<f64> {
    let policy = EgressPolicy::parse("127.0.0.0/8").context("the loopback's range")?;
    let client = Client::new(policy, TIMEOUT)?;
    let begun = Instant::now();
    let end = begun + load.warm_up + load.measured;
    let mut posting = JoinSet::new();
    for _ in 0..AT_A_TIME {
        posting.spawn(post_until(load, client.clone(), end));
    }
    tokio::time::sleep_until(begun + load.warm_up).await;
    let (from, since) = (load.checker.counts(), Instant::now());
    tokio::time::sleep_until(end).await;
    let (to, took) = (load.checker.counts(), since.elapsed());
    while let Some(ended) = posting.join_next().await {
        ended??;
    }
    Ok(f64::from(to.arrived - from.arrived) / took.as_secs_f64())
}

fn post_until(
    load: &Load,
    client: Client,
    end: Instant,
) -> impl Future<Output = anyhow::Result<()>> + use<> {
    let (audience, checker) = (Arc::clone(&load.audience), Arc::clone(&load.checker));
    let (next, filler) = (Arc::clone(&load.next), "x".repeat(load.payload));
    async move {
        while Instant::now() < end {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let body = bytes::Bytes::from(body(number, Instant::now(), &filler));
            let application = number as usize % audience.applications.len();
            for (place, signer) in audience.signers[application].iter().enumerate() {
                checker.take_room(1).await;
                let url = checker.url(application, place).parse()?;
                let request = signed(url, signer, &format!("bare_{number}"), body.clone())?;
                let timed = client.post(request).await?;
                let is_fine = matches!(timed.answer, Answer::Http { status: 200, .. });
                ensure!(is_fine, "{:?}", timed.answer);
            }
        }
        Ok(())
    }
}

fn signed(
    url: Url,
    signer: &posthorn_signing::Signer,
    id: &str,
    body: bytes::Bytes,
) -> anyhow::Result<DeliveryRequest> {
    let timestamp = posthorn_e2e::settings::now().as_unix_seconds();
    let signature = signer.header_value(id, timestamp, &body);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("accept", "*/*"),
        ("accept-encoding", "identity"),
        ("user-agent", "posthorn-bench"),
        ("posthorn-attempt", "1"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("svix-id", HeaderValue::from_str(id)?);
    headers.insert("svix-timestamp", HeaderValue::from(timestamp));
    headers.insert("svix-signature", HeaderValue::from_str(&signature)?);
    Ok(DeliveryRequest { url, headers, body })
}
