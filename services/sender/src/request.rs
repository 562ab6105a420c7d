//! The HTTP request of an attempt. Pure.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use posthorn_event_schema::{DeliveryJob, Timestamp};

use crate::config::HeaderStyle;
use crate::endpoint::Prepared;

/// Which attempt of the delivery this is, from 1.
pub const ATTEMPT_HEADER: HeaderName = HeaderName::from_static("posthorn-attempt");

/// A request ready to be sent: always a POST.
#[derive(Debug, Clone)]
pub struct DeliveryRequest {
    /// Where to.
    pub url: url::Url,
    /// All headers but those of the connection.
    pub headers: HeaderMap,
    /// The body, as signed.
    pub body: Bytes,
}

/// What all requests of a deployment have in common.
#[derive(Debug, Clone)]
pub struct Style {
    /// Which header family carries id, timestamp and signature.
    pub headers: HeaderStyle,
    /// The `User-Agent`.
    pub user_agent: HeaderValue,
}

/// Builds the signed request of an attempt. Its timestamp is the attempt's, new each time; id and
/// body are the event's, the same each time.
///
/// The customer's own headers come last; those that would clash were refused by `api`.
///
/// # Errors
/// In words fit for the customer, when the endpoint's URL is none.
pub fn build(
    style: &Style,
    endpoint: &Prepared,
    job: &DeliveryJob,
    now: Timestamp,
) -> Result<DeliveryRequest, &'static str> {
    let url = endpoint.url.clone();
    let url = url.ok_or("the endpoint's URL does not parse")?;
    let id = job.meta.event.as_str();
    let timestamp = now.as_unix_seconds();
    let signature = endpoint.signer.header_value(id, timestamp, &job.body);
    let [id_name, timestamp_name, signature_name] = names(style.headers);
    let mut headers = common_headers(style, endpoint.headers.len());
    headers.insert(id_name, text(id));
    headers.insert(timestamp_name, HeaderValue::from(timestamp));
    headers.insert(signature_name, text(&signature));
    headers.insert(ATTEMPT_HEADER, HeaderValue::from(job.meta.attempt.get()));
    for (name, value) in &endpoint.headers {
        headers.insert(name.clone(), value.clone());
    }
    let body = job.body.clone();
    Ok(DeliveryRequest { url, headers, body })
}

/// Builds the request of a callback: no signature, because its receiver has no secret, and nothing of
/// ours that it did not ask for.
///
/// # Errors
/// In words fit for the customer, when the URL is not one that can be posted to.
pub fn build_callback(
    style: &Style,
    url: &str,
    body: &Bytes,
) -> Result<DeliveryRequest, &'static str> {
    let url = url::Url::parse(url).map_err(|_no_url| "the callback URL does not parse")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("the callback URL must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the callback URL must not contain a user or a password");
    }
    let mut headers = common_headers(style, 0);
    headers.insert(ATTEMPT_HEADER, HeaderValue::from(1));
    let body = body.clone();
    Ok(DeliveryRequest { url, headers, body })
}

fn common_headers(style: &Style, more: usize) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(10 + more);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // Never decoded, so a compressed bomb stays small; a capped text of it would be unreadable.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, style.user_agent.clone());
    headers
}

fn names(style: HeaderStyle) -> [HeaderName; 3] {
    match style {
        HeaderStyle::Svix => ["svix-id", "svix-timestamp", "svix-signature"],
        HeaderStyle::StandardWebhooks => ["webhook-id", "webhook-timestamp", "webhook-signature"],
    }
    .map(HeaderName::from_static)
}

/// Ids and signatures are visible ASCII by their types' own rules.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
