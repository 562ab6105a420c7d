//! What a Svix server has, as its API shows it: both generations' spellings, page by page.

use anyhow::bail;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::remote::{Ask, Remote, Reply};

/// Objects of a page. *Source*: Svix's API, the most that it gives.
const PAGE: &str = "250";

/// An application. What stands in `rest` is unknown to us.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) rate_limit: Option<Value>,
    pub(super) throttle_rate: Option<Value>,
    pub(super) metadata: Option<Value>,
    pub(super) created_at: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// An endpoint. What stands in `rest` is unknown to us.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) uid: Option<String>,
    pub(super) description: Option<String>,
    pub(super) disabled: Option<bool>,
    pub(super) event_types: Option<Value>,
    pub(super) filter_types: Option<Value>,
    pub(super) channels: Option<Value>,
    pub(super) rate_limit: Option<Value>,
    pub(super) throttle_rate: Option<Value>,
    pub(super) metadata: Option<Value>,
    pub(super) created_at: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// An event type. What stands in `rest` is unknown to us.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventType {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) archived: Option<bool>,
    pub(super) deprecated: Option<bool>,
    pub(super) schemas: Option<Value>,
    pub(super) feature_flag: Option<String>,
    pub(super) feature_flags: Option<Vec<String>>,
    pub(super) group_name: Option<String>,
    pub(super) created_at: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// An endpoint's headers, those with credentials by name only.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Headers {
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    #[serde(default)]
    pub(super) sensitive: Vec<String>,
}

/// An endpoint's secret.
#[derive(Deserialize)]
pub(super) struct SecretOut {
    pub(super) key: String,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    iterator: Option<String>,
    done: bool,
}

/// A list, read page by page from its beginning.
pub(super) struct Pages<'a> {
    remote: &'a Remote,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    iterator: Option<String>,
    done: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn of(
        remote: &'a Remote,
        path: &'a [&'a str],
        query: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self {
            remote,
            path,
            query,
            iterator: None,
            done: false,
        }
    }

    /// The next page; `None` after the last one, or when the list itself is gone.
    pub(super) async fn next<T: for<'de> Deserialize<'de>>(
        &mut self,
    ) -> anyhow::Result<Option<Vec<T>>> {
        if self.done {
            return Ok(None);
        }
        let mut query = vec![("limit", PAGE)];
        query.extend(self.query);
        let iterator = self.iterator.take();
        if let Some(iterator) = &iterator {
            query.push(("iterator", iterator));
        }
        let ask = Ask {
            query: &query,
            ..Ask::get(self.path)
        };
        let reply = self.remote.call(ask).await?;
        if is_gone(&reply) {
            self.done = true;
            return Ok(None);
        }
        let page: Page<T> = self.remote.parsed(&reply, self.path)?;
        self.done = page.done || page.data.is_empty();
        if !self.done && (page.iterator.is_none() || page.iterator == iterator) {
            bail!("the pages of {} do not go on", self.path.join("/"));
        }
        self.iterator = page.iterator;
        Ok(Some(page.data))
    }
}

/// Whether an object was deleted since it was listed.
pub(super) fn is_gone(reply: &Reply) -> bool {
    reply.status == 404 && reply.is_api_error()
}

/// Reads an endpoint's secret and headers; `None` when the endpoint is gone.
pub(super) async fn confidential(
    remote: &Remote,
    application: &str,
    endpoint: &str,
) -> anyhow::Result<Option<(String, Headers)>> {
    let secret_path = ["app", application, "endpoint", endpoint, "secret"];
    let headers_path = ["app", application, "endpoint", endpoint, "headers"];
    let secret = remote.call(Ask::get(&secret_path)).await?;
    if is_gone(&secret) {
        return Ok(None);
    }
    let headers = remote.call(Ask::get(&headers_path)).await?;
    if is_gone(&headers) {
        return Ok(None);
    }
    let secret: SecretOut = remote.parsed(&secret, &secret_path)?;
    Ok(Some((secret.key, remote.parsed(&headers, &headers_path)?)))
}
