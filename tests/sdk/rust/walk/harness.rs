//! What the walk needs that is not about Svix: steps, checks, waiting, and the receiver.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use svix::error::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long something that happens later may take; retries of failing deliveries included.
const SOON: Duration = Duration::from_secs(30);

/// The pause after a message. Ids, which decide about order and filters by time, have a resolution of 4 ms.
pub const APART: Duration = Duration::from_millis(20);

/// Why a step failed.
pub enum Failure {
    /// Something is not as it should be, yet.
    Check(String),
    /// An earlier step did not get as far as this one needs.
    Skipped(&'static str),
    /// The SDK returned an error.
    Sdk(Error),
    /// The receiver cannot be read.
    Receiver(std::io::Error),
}

pub type Outcome<T = ()> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sdk(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Receiver(error)
    }
}

/// One line that says what went wrong, beginning with the status if it was an answer.
fn describe(failure: Failure) -> String {
    match failure {
        Failure::Check(what) => what,
        Failure::Skipped(note) => format!("no {note}: an earlier step failed"),
        Failure::Sdk(Error::Http(answer)) => {
            format!(
                "HTTP {}: {}",
                answer.status.as_u16(),
                value(&answer.payload)
            )
        }
        Failure::Sdk(Error::Validation(answer)) => {
            format!(
                "HTTP {}: {}",
                answer.status.as_u16(),
                value(&answer.payload)
            )
        }
        Failure::Sdk(other) => other.to_string(),
        Failure::Receiver(error) => format!("receiver: {error}"),
    }
}

/// Runs a step, and prints the verdict.
pub async fn step(operation: &str, words: &str, run: impl AsyncFnOnce() -> Outcome) {
    let error = run().await.err().map(describe);
    let line =
        json!({"operation": operation, "step": words, "ok": error.is_none(), "error": error});
    println!("{line}");
}

/// A value of the SDK from JSON, which both generations of it can be made from.
pub fn made<T: DeserializeOwned>(from: Value) -> T {
    let text = from.to_string();
    serde_json::from_value(from).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A value of the SDK as JSON.
pub fn value(from: &impl Serialize) -> Value {
    serde_json::to_value(from).expect("what the SDK read it can write")
}

pub fn equal(actual: impl Serialize, expected: impl Serialize, what: &str) -> Outcome {
    let (actual, expected) = (value(&actual), value(&expected));
    if actual == expected {
        return Ok(());
    }
    Err(Failure::Check(format!(
        "{what}: {actual} instead of {expected}"
    )))
}

pub fn holds(condition: bool, what: &str) -> Outcome {
    if condition {
        return Ok(());
    }
    Err(Failure::Check(what.to_owned()))
}

/// Checks that a call failed with this status and, unless empty, this code; returns the detail.
pub fn fails<T>(status: u16, code: &str, result: Result<T, Error>) -> Outcome<Value> {
    let (found, body) = match result {
        Ok(_) => return Err(Failure::Check(format!("no {status}, but an answer"))),
        Err(Error::Http(answer)) if answer.status.as_u16() == status => {
            (status, value(&answer.payload))
        }
        Err(Error::Validation(answer)) if answer.status.as_u16() == status => {
            (status, value(&answer.payload))
        }
        Err(other) => return Err(other.into()),
    };
    holds(
        !body.is_null(),
        &format!("the SDK does not understand the body of the {found}"),
    )?;
    if !code.is_empty() {
        equal(&body["code"], code, &format!("code of the {found}"))?;
        holds(
            body["detail"].as_str().is_some_and(|it| !it.is_empty()),
            "no detail",
        )?;
    }
    Ok(body["detail"].clone())
}

/// Calls until no check fails, and returns the answer.
pub async fn eventually<T>(probe: impl AsyncFn() -> Outcome<T>) -> Outcome<T> {
    let deadline = Instant::now() + SOON;
    loop {
        match probe().await {
            Err(Failure::Check(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other,
        }
    }
}

pub fn unique() -> String {
    format!("{:010x}", rand::random::<u64>() & 0xff_ffff_ffff)
}

pub fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The field of each of a page's items.
pub fn each(page: &Value, field: &str) -> Vec<Value> {
    let data = page["data"].as_array().cloned().unwrap_or_default();
    data.iter().map(|one| one[field].clone()).collect()
}

pub fn ids(page: &impl Serialize) -> Vec<Value> {
    each(&value(page), "id")
}

/// An array of strings, sorted.
pub fn sorted(names: &Value) -> Vec<String> {
    let mut names: Vec<String> = names.as_array().into_iter().flatten().map(string).collect();
    names.sort();
    names
}

/// A time as JSON, so many minutes after another.
pub fn later(than: &Value, minutes: i64) -> Value {
    let than: DateTime<Utc> = string(than).parse().expect("the SDK has read this time");
    json!((than + TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Micros, true))
}

pub fn now() -> Value {
    json!(Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true))
}

pub fn time(value: &Value) -> DateTime<Utc> {
    string(value).parse().unwrap_or_default()
}

#[derive(Clone)]
pub struct Request {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// The receiver that records requests, see receiver.py.
pub struct Receiver {
    base: String,
    folder: String,
}

impl Receiver {
    pub fn new(base: String) -> Self {
        Self {
            base,
            folder: unique(),
        }
    }

    pub fn path(&self, name: &str, failures: usize) -> String {
        let folder = &self.folder;
        if failures > 0 {
            format!("/fail-{failures}/{folder}/{name}")
        } else {
            format!("/{folder}/{name}")
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn received(&self, path: &str) -> Outcome<Vec<Request>> {
        let host = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await?;
        // HTTP/1.0, so that the answer comes in one piece and ends with the connection.
        let request = format!("GET /_requests?path={path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let body = answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body)
            .unwrap_or_default();
        let recorded: Vec<Value> = serde_json::from_str(body).map_err(std::io::Error::other)?;
        Ok(recorded.iter().map(request_from).collect())
    }

    /// Waits until a message has arrived so many times, and returns the requests.
    pub async fn wait(&self, path: &str, message: &str, count: usize) -> Outcome<Vec<Request>> {
        eventually(async || {
            let mut found = self.received(path).await?;
            found.retain(|request| request.header("svix-id") == message);
            let times = format!(
                "{message} came {} times to {path}, not {count}",
                found.len()
            );
            holds(found.len() >= count, &times)?;
            Ok(found)
        })
        .await
    }
}

fn request_from(recorded: &Value) -> Request {
    let mut headers = HeaderMap::new();
    for (name, value) in recorded["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().expect("it came over HTTP");
        let value: HeaderValue = string(value).parse().expect("it came over HTTP");
        headers.insert(name, value);
    }
    let body = STANDARD
        .decode(string(&recorded["body_base64"]))
        .unwrap_or_default();
    Request { headers, body }
}
