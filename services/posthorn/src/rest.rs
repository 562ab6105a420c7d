//! A few calls of the REST API, as any client would make them.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How much of an error's body is repeated to a person.
const SHOWN_CHARS: usize = 500;

/// A client of the REST API.
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

#[derive(Deserialize)]
struct SecretOut {
    key: String,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
}

/// An endpoint as the history of an event shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    id: String,
    next_attempt: Option<String>,
}

/// An attempt as the history shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) endpoint_id: String,
    pub(crate) timestamp: String,
    pub(crate) response_status_code: i16,
    pub(crate) response_duration_ms: i64,
    pub(crate) status: u8,
    pub(crate) status_text: String,
}

impl Attempt {
    /// Whether the endpoint has accepted the event.
    pub(crate) fn succeeded(&self) -> bool {
        self.status == 0
    }
}

impl Api {
    /// Makes a client; `url` is the API's address without a path.
    pub(crate) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self {
            http,
            base: format!("{}/api/v1", url.trim_end_matches('/')),
            token: token.to_owned(),
        })
    }

    /// Creates the application, or finds the one of an earlier run; returns its id.
    pub(crate) async fn create_application(&self, uid: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({ "name": name, "uid": uid });
        let path = "/app?get_if_exists=true";
        let found: Identified = self.call(Method::POST, path, Some(&body)).await?;
        Ok(found.id)
    }

    /// Creates an endpoint, or gives the one of an earlier run its new URL; returns its id.
    pub(crate) async fn create_endpoint(
        &self,
        application: &str,
        uid: &str,
        url: &str,
    ) -> anyhow::Result<String> {
        let path = format!("/app/{application}/endpoint");
        let body =
            json!({ "url": url, "uid": uid, "description": "A receiver of Posthorn's own." });
        let (status, answer) = self.send(Method::POST, &path, Some(&body)).await?;
        let endpoint: Identified = if status == StatusCode::CONFLICT {
            let path = format!("{path}/{uid}");
            // An earlier run may have ended before the endpoint could recover.
            let patch = json!({ "url": url, "disabled": false });
            self.call(Method::PATCH, &path, Some(&patch)).await?
        } else {
            parse(&path, status, &answer)?
        };
        Ok(endpoint.id)
    }

    /// Deletes an application with all that belongs to it.
    pub(crate) async fn delete_application(&self, id: &str) -> anyhow::Result<()> {
        let path = format!("/app/{id}");
        let (status, answer) = self.send(Method::DELETE, &path, None).await?;
        if status.is_success() {
            return Ok(());
        }
        parse::<Value>(&path, status, &answer).map(drop)
    }

    /// What the endpoint verifies signatures with.
    pub(crate) async fn secret(&self, application: &str, endpoint: &str) -> anyhow::Result<String> {
        let path = format!("/app/{application}/endpoint/{endpoint}/secret");
        let secret: SecretOut = self.call(Method::GET, &path, None).await?;
        Ok(secret.key)
    }

    /// When the event will be sent to the endpoint again; `None` while nothing is planned, or the
    /// event has not reached the history yet.
    pub(crate) async fn next_attempt(
        &self,
        application: &str,
        event: &str,
        endpoint: &str,
    ) -> anyhow::Result<Option<OffsetDateTime>> {
        let path = format!("/app/{application}/msg/{event}/endpoint");
        let (status, answer) = self.send(Method::GET, &path, None).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let destinations: List<Destination> = parse(&path, status, &answer)?;
        let mut all = destinations.data.into_iter();
        let time = all
            .find(|one| one.id == endpoint)
            .and_then(|one| one.next_attempt);
        time.map(|time| parse_time(&time)).transpose()
    }

    /// Every attempt of the event so far, the oldest first.
    pub(crate) async fn attempts(
        &self,
        application: &str,
        event: &str,
    ) -> anyhow::Result<Vec<Attempt>> {
        let path = format!("/app/{application}/attempt/msg/{event}");
        let attempts: List<Attempt> = self.call(Method::GET, &path, None).await?;
        let mut attempts = attempts.data;
        attempts.sort_by(|left, right| left.timestamp.cmp(&right.timestamp));
        Ok(attempts)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<T> {
        let (status, answer) = self.send(method, path, body).await?;
        parse(path, status, &answer)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let attempt = || format!("cannot call {path}");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.with_context(attempt)?;
        let status = response.status();
        let answer = response.bytes().await.with_context(attempt)?;
        Ok((status, answer.to_vec()))
    }
}

fn parse<T: DeserializeOwned>(path: &str, status: StatusCode, answer: &[u8]) -> anyhow::Result<T> {
    if !status.is_success() {
        let text: String = String::from_utf8_lossy(answer)
            .chars()
            .take(SHOWN_CHARS)
            .collect();
        bail!("{path} was answered with {status}: {text}");
    }
    serde_json::from_slice(answer).with_context(|| format!("cannot read the answer of {path}"))
}

fn parse_time(text: &str) -> anyhow::Result<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).with_context(|| format!("{text:?} is not a time"))
}
