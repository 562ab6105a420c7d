//! The REST API as a customer uses it: paths and JSON, nothing of ours.

use std::time::Duration;

use posthorn_harness::eventually;
use serde_json::{Value, json};

/// A client of the REST API with a token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// An answer of the REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, `null` when there is none.
    pub body: Value,
    /// The header `retry-after`.
    pub retry_after: Option<String>,
}

impl Client {
    /// A client for `http://host:port`.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build();
        let http = http.expect("TLS can be set up");
        Self {
            http,
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Where it asks: `http://host:port`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same client at another base URL, such as that of ingest.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Begins a request with the token; `path` follows `/api/v1`.
    ///
    /// # Panics
    /// When the method is none.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a good method");
        self.http
            .request(method, format!("{}/api/v1{path}", self.base))
            .bearer_auth(&self.token)
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When there is no answer, or one that is no JSON.
    pub async fn send(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let text = response.text().await.expect("a whole answer");
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}")),
        };
        Answer {
            status,
            body,
            retry_after,
        }
    }

    /// Sends a request and returns the answer's status, whether or not the answer has an end.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn status(request: reqwest::RequestBuilder) -> u16 {
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Answer {
        Self::send(self.request("GET", path)).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.request("POST", path).json(body)).await
    }

    /// Makes an application with this uid and returns its id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn application(&self, uid: &str) -> String {
        let made = self.post("/app", &json!({"name": uid, "uid": uid})).await;
        assert_eq!(made.status, 201, "{made:?}");
        text(&made.body["id"])
    }

    /// Makes an endpoint and returns its id and secret.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn endpoint(&self, app: &str, url: &str) -> (String, String) {
        self.endpoint_with(app, &json!({"url": url})).await
    }

    /// Makes an endpoint with these settings and returns its id and secret.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn endpoint_with(&self, app: &str, settings: &Value) -> (String, String) {
        let made = self.post(&format!("/app/{app}/endpoint"), settings).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = text(&made.body["id"]);
        let secret = self.get(&format!("/app/{app}/endpoint/{id}/secret")).await;
        assert_eq!(secret.status, 200, "{secret:?}");
        let secret = text(&secret.body["key"]);
        (id, secret)
    }

    /// The attempts of a message, oldest first, once there are `count` of them.
    ///
    /// # Panics
    /// When they do not come in time.
    pub async fn attempts(&self, app: &str, msg: &str, count: usize) -> Vec<Value> {
        let path = format!("/app/{app}/attempt/msg/{msg}?limit=100");
        eventually(
            Duration::from_secs(30),
            "the attempts in history",
            async || {
                let answer = self.get(&path).await;
                let mut attempts = answer.body["data"].as_array().cloned().unwrap_or_default();
                if attempts.len() < count {
                    return Err(format!("{answer:?}"));
                }
                attempts.sort_by_key(|attempt| text(&attempt["timestamp"]));
                Ok(attempts)
            },
        )
        .await
    }
}

/// A JSON string.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => panic!("not a string: {value}"),
    }
}
