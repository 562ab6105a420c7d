//! Asking one of the two servers: one place for tokens, deadlines, repetition and words for people.

mod address;

use std::fmt;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use posthorn_chassis::{Secret, Shutdown, entropy};
use reqwest::{Method, Response, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::retry;
use super::settings::Side;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer in bytes: a page of 250 event types with large schemas.
const MAX_ANSWER_BYTES: usize = 64 * 1_024 * 1_024;
/// How much of an error's text is repeated to a person.
const SHOWN_CHARS: usize = 300;

/// A server's REST API.
pub(super) struct Remote {
    /// What people call it: `the source`, `the target`.
    name: &'static str,
    http: reqwest::Client,
    base: Url,
    token: Secret,
    places: Semaphore,
    stop: Shutdown,
}

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) method: &'a Method,
    /// The parts of the path after `/api/v1`.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<&'a Value>,
}

/// A server that fails at one request again and again, and perhaps at no other.
#[derive(Debug)]
pub(super) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: u16,
    body: Vec<u8>,
    retry_after: Option<Duration>,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a [&'a str]) -> Self {
        Self {
            method: &Method::GET,
            path,
            query: &[],
            body: None,
        }
    }
}

impl Reply {
    #[cfg(test)]
    pub(super) fn for_test(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.into(),
            retry_after: None,
        }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, if it is such JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }

    /// Whether it is an error in the API's own words, and no stray page.
    pub(super) fn is_api_error(&self) -> bool {
        let json = self.json::<Value>();
        json.is_ok_and(|json| json.get("code").is_some() || json.get("detail").is_some())
    }
}

impl Remote {
    /// Makes a client of a server.
    pub(super) fn new(
        name: &'static str,
        side: &Side<String, Secret>,
        places: u16,
        stop: &Shutdown,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("posthorn-import/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self {
            name,
            http,
            base: address::base(&side.url)
                .with_context(|| format!("the URL of {name} cannot be used"))?,
            token: side.token.clone(),
            places: Semaphore::new(places.into()),
            stop: stop.clone(),
        })
    }

    /// Finds out whether the API is there and the token may do what is needed.
    pub(super) async fn greet(&self) -> anyhow::Result<()> {
        let (name, base) = (self.name, self.base.as_str());
        let ask = Ask {
            query: &[("limit", "1")],
            ..Ask::get(&["app"])
        };
        let reply = match self.send(ask).await {
            Ok(reply) if !retry::is_passing(reply.status) => reply,
            Ok(_) => self.call(ask).await?,
            Err(error) => return Err(error.context(format!("cannot reach {name} at {base}"))),
        };
        if reply.is_success() {
            let list = reply.json::<Value>();
            let is_list = list.is_ok_and(|list| list.get("data").is_some_and(Value::is_array));
            if is_list {
                return Ok(());
            }
        }
        if reply.is_success() || (reply.status == 404 && !reply.is_api_error()) {
            bail!("{base} does not answer like Svix's API: is the URL of {name} right?");
        }
        Err(self.refusal(&reply, &["app"]))
    }

    /// Asks until there is an answer that will not get better by asking again.
    ///
    /// # Errors
    /// When there is none, when the token is refused, and when a stop was asked for meanwhile.
    pub(super) async fn call(&self, ask: Ask<'_>) -> anyhow::Result<Reply> {
        let mut failures = 0;
        loop {
            let sent = {
                let _place = self.places.acquire().await.context("nobody closes it")?;
                self.send(ask).await
            };
            failures += 1;
            let (status, asked) = match sent {
                Ok(reply) if !retry::is_passing(reply.status) => return Ok(reply),
                Ok(ref reply) => (Some(reply.status), reply.retry_after),
                Err(_) => (None, None),
            };
            let Some(wait) = retry::wait(failures, status, asked, entropy::fraction()) else {
                let gave_up = || format!("{} gave no good answer, {failures} times", self.name);
                return Err(match sent {
                    Ok(reply) if reply.status == 500 => Broken(format!(
                        "{} fails at {} (500)",
                        self.name,
                        ask.path.join("/")
                    ))
                    .into(),
                    Ok(reply) => self.refusal(&reply, ask.path).context(gave_up()),
                    Err(error) => error.context(gave_up()),
                });
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.requested() => bail!("stopped"),
            }
        }
    }

    /// The content of a good answer.
    pub(super) fn parsed<T: DeserializeOwned>(
        &self,
        reply: &Reply,
        path: &[&str],
    ) -> anyhow::Result<T> {
        if !reply.is_success() {
            return Err(self.refusal(reply, path));
        }
        let (name, path) = (self.name, path.join("/"));
        // What stands in an answer may be secret; serde's errors repeat values.
        let parsed = reply.json().ok();
        parsed.ok_or_else(|| anyhow!("{name}'s answer for {path} is not as Svix documents it"))
    }

    /// A refusal in words.
    pub(super) fn refusal(&self, reply: &Reply, path: &[&str]) -> anyhow::Error {
        let (name, status, path) = (self.name, reply.status, path.join("/"));
        match status {
            401 => anyhow!("{name} refuses the token (401): is it of this server, and in force?"),
            403 => anyhow!(
                "the token for {name} may not do this (403, {path}): it must be an organisation's, \
                 and one of a single application is not enough"
            ),
            300..=399 => anyhow!("{name} redirects to another URL ({status}): is its URL right?"),
            _ => anyhow!("{name} answered {status} for {path}: {}", self.words(reply)),
        }
    }

    /// An error's own words, without anything secret, cut to a length that people read.
    pub(super) fn words(&self, reply: &Reply) -> String {
        let json: Value = reply.json().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let said = match &json["detail"] {
            Value::Array(problems) => {
                let problems = problems.iter().filter_map(problem_in_words);
                Some(problems.collect::<Vec<_>>().join(" "))
            }
            other => text(other).or_else(|| text(&json["code"])),
        };
        let said = said.filter(|said| !said.is_empty());
        let said = said.unwrap_or_else(|| "no reason was given".to_owned());
        let said = said.replace(self.token.expose(), "[token]");
        said.chars().take(SHOWN_CHARS).collect()
    }

    async fn send(&self, ask: Ask<'_>) -> anyhow::Result<Reply> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("the URL has no path"))?
            .extend(ask.path);
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let mut request = self
            .http
            .request(ask.method.clone(), url)
            .bearer_auth(self.token.expose());
        if let Some(body) = ask.body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        read(response).await
    }
}

/// A field's problem with the field's name.
fn problem_in_words(problem: &Value) -> Option<String> {
    let rule = problem["msg"].as_str()?;
    let place = problem["loc"].as_array().map_or(&[][..], Vec::as_slice);
    let place: Vec<&str> = place.iter().skip(1).filter_map(Value::as_str).collect();
    Some(if place.is_empty() {
        rule.to_owned()
    } else {
        format!("{}: {rule}", place.join("."))
    })
}

async fn read(mut response: Response) -> anyhow::Result<Reply> {
    let header = response.headers().get("retry-after");
    let retry_after = header.and_then(|value| retry::seconds(value.to_str().ok()?));
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            bail!("the answer is larger than {MAX_ANSWER_BYTES} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply {
        status: response.status().as_u16(),
        body,
        retry_after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Remote {
        let side = Side {
            url: "http://127.0.0.1:1".to_owned(),
            token: Secret::new("the-token"),
        };
        Remote::new("the source", &side, 1, &Shutdown::new()).unwrap()
    }

    fn reply(status: u16, body: &str) -> Reply {
        Reply::for_test(status, body)
    }

    #[test]
    fn a_refusal_is_told_in_words_and_without_the_token() {
        let said = |status, body| remote().refusal(&reply(status, body), &["app"]).to_string();
        assert!(said(401, "{}").starts_with("the source refuses the token"));
        assert!(said(403, "").contains("organisation"));
        assert!(said(301, "").contains("URL"));
        let both = said(409, r#"{"code":"conflict","detail":"the-token is taken"}"#);
        assert_eq!(both, "the source answered 409 for app: [token] is taken");
        let list = r#"{"detail":[{"loc":["body","a"],"msg":"A.","type":"x"},{"msg":"B."}]}"#;
        assert!(said(422, list).ends_with(": a: A. B."));
        assert!(said(500, "<html>").ends_with("no reason was given"));
        let long = format!(r#"{{"detail":"{}"}}"#, "é".repeat(10_000));
        assert!(said(500, &long).chars().count() < 400);
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_repeated() {
        let parsed = remote().parsed::<u8>(&reply(200, r#""whsec_hidden""#), &["app"]);
        assert!(!format!("{:#}", parsed.unwrap_err()).contains("hidden"));
    }
}
