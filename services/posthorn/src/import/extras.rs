//! What is not brought over, because Posthorn has it not, or because the source does not tell its
//! secrets: looked for, so that it can be named.
//!
//! A server without such a route says so once, and is not asked again.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::remote::{Ask, Remote, Reply};
use super::translate::Lack;

/// Something that an object may have beside itself.
struct Extra {
    /// The last part of its path.
    path: &'static [&'static str],
    /// What people call it.
    name: &'static str,
    /// What an answer must hold to say that there is something.
    tells: fn(&Value) -> bool,
    /// Where to look no more.
    unserved: AtomicBool,
}

/// What to look for, by what it belongs to.
pub(super) struct Extras {
    account: Vec<Extra>,
    event_type: Vec<Extra>,
    application: Vec<Extra>,
    endpoint: Vec<Extra>,
}

impl Extras {
    pub(super) fn new() -> Self {
        let extra = |path, name, tells| Extra {
            path,
            name,
            tells,
            unserved: AtomicBool::new(false),
        };
        Self {
            account: vec![
                extra(
                    &["operational-webhook", "endpoint"],
                    "operational webhook endpoints",
                    has_items,
                ),
                extra(&["connector"], "connectors", has_items),
                extra(&["stream"], "streams", has_items),
            ],
            event_type: vec![extra(&["retry-schedule"], "retry schedule", says_something)],
            application: vec![
                extra(&["integration"], "integrations", has_items),
                extra(&["destination"], "destinations", has_foreign_items),
            ],
            endpoint: vec![
                extra(&["transformation"], "transformation", is_transformation),
                extra(&["oauth"], "OAuth", says_something),
                extra(&["mtls"], "client certificate", says_something),
                extra(&["ca"], "certificate authority", says_something),
            ],
        }
    }

    /// What the account has beside its objects.
    pub(super) async fn of_account(&self, source: &Remote) -> anyhow::Result<Vec<Lack>> {
        look(source, &self.account, &[]).await
    }

    /// What an event type has beside itself.
    pub(super) async fn of_event_type(
        &self,
        source: &Remote,
        name: &str,
    ) -> anyhow::Result<Vec<Lack>> {
        look(source, &self.event_type, &["event-type", name]).await
    }

    /// What an application has beside its endpoints.
    pub(super) async fn of_application(
        &self,
        source: &Remote,
        id: &str,
    ) -> anyhow::Result<Vec<Lack>> {
        look(source, &self.application, &["app", id]).await
    }

    /// What an endpoint has beside secret and headers.
    pub(super) async fn of_endpoint(
        &self,
        source: &Remote,
        application: &str,
        id: &str,
    ) -> anyhow::Result<Vec<Lack>> {
        look(
            source,
            &self.endpoint,
            &["app", application, "endpoint", id],
        )
        .await
    }
}

async fn look(source: &Remote, extras: &[Extra], owner: &[&str]) -> anyhow::Result<Vec<Lack>> {
    let mut lacks = Vec::new();
    for extra in extras {
        if extra.unserved.load(Ordering::Relaxed) {
            continue;
        }
        let path: Vec<&str> = owner.iter().chain(extra.path).copied().collect();
        let reply = source.call(Ask::get(&path)).await?;
        match judge(&reply, extra.tells) {
            Judgement::Nothing => {}
            Judgement::Something => {
                lacks.push(Lack::new(
                    extra.name,
                    "is not brought over; see to it by hand",
                ));
            }
            Judgement::Unserved => extra.unserved.store(true, Ordering::Relaxed),
            Judgement::Hidden(status) => {
                extra.unserved.store(true, Ordering::Relaxed);
                let why =
                    format!("the source answered {status}, so nobody knows whether there is any");
                lacks.push(Lack::new(extra.name, why));
            }
        }
    }
    Ok(lacks)
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Nothing,
    Something,
    Unserved,
    Hidden(u16),
}

fn judge(reply: &Reply, tells: fn(&Value) -> bool) -> Judgement {
    match reply.status {
        200..=299 => match reply.json::<Value>() {
            Ok(json) if tells(&json) => Judgement::Something,
            Ok(_) | Err(_) => Judgement::Nothing,
        },
        // The open-source server knows no such route, and says so with an empty 404.
        404 if reply.is_api_error() => Judgement::Nothing,
        404 | 405 | 501 => Judgement::Unserved,
        status => Judgement::Hidden(status),
    }
}

fn has_items(json: &Value) -> bool {
    json["data"]
        .as_array()
        .is_some_and(|items| !items.is_empty())
}

/// Items that are no endpoints, which come along by themselves.
fn has_foreign_items(json: &Value) -> bool {
    let is_endpoint = |item: &Value| item["id"].as_str().is_some_and(|id| id.starts_with("ep_"));
    let items = json["data"].as_array();
    items.is_some_and(|items| !items.iter().all(is_endpoint))
}

fn is_transformation(json: &Value) -> bool {
    json["enabled"] == true || json["code"].as_str().is_some_and(|code| !code.is_empty())
}

fn says_something(json: &Value) -> bool {
    let members = json.as_object();
    members.is_some_and(|members| members.values().any(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, body: &str, tells: fn(&Value) -> bool) -> Judgement {
        judge(&Reply::for_test(status, body), tells)
    }

    #[test]
    fn an_empty_404_and_a_501_say_that_there_is_no_such_route() {
        let missing = r#"{"code":"not_found","detail":"Entity not found"}"#;
        assert_eq!(of(404, "", says_something), Judgement::Unserved);
        assert_eq!(of(501, missing, says_something), Judgement::Unserved);
        assert_eq!(of(404, missing, says_something), Judgement::Nothing);
        assert_eq!(of(403, missing, says_something), Judgement::Hidden(403));
    }

    #[test]
    fn only_what_says_something_is_something() {
        let schedule = |json: Value| says_something(&json);
        assert!(!schedule(json!({"retrySchedule": null})));
        assert!(schedule(json!({"retrySchedule": [5]})));
        assert!(!is_transformation(&json!({"code": null, "enabled": false})));
        assert!(is_transformation(
            &json!({"code": "function", "enabled": false})
        ));
        assert!(
            has_items(&json!({"data": [{"id": "integ_1"}]})) && !has_items(&json!({"data": []}))
        );
        assert!(!has_foreign_items(&json!({"data": [{"id": "ep_1"}]})));
        assert!(has_foreign_items(
            &json!({"data": [{"id": "ep_1"}, {"id": "dst_1"}]})
        ));
        assert_eq!(of(200, "{}", has_items), Judgement::Nothing);
        assert_eq!(of(200, "<html>", has_items), Judgement::Nothing);
    }
}
