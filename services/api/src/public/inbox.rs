//! Inboxes, and what arrived at them, as callers send and receive them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posthorn_store::inbox::{InboxAnswer, InboxRequest, InboxRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present;
use crate::inbox::Judgement;

/// An inbox to create.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxIn {
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// How long it lives, in seconds; a day, when absent.
    #[serde(default)]
    #[schema(minimum = 60, maximum = 604_800, default = 86_400)]
    pub ttl_seconds: Option<u64>,
    /// Whose signatures are expected, by id or uid; those of endpoints with its address, when absent.
    #[serde(default)]
    pub endpoint_id: Option<String>,
    /// How it answers.
    #[serde(default)]
    pub answer: Option<InboxAnswerIn>,
}

/// What to change in an inbox.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxPatch {
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// Whose signatures are expected; null = those of endpoints with its address.
    #[serde(default, deserialize_with = "present")]
    pub endpoint_id: Option<Option<String>>,
    /// How it answers.
    #[serde(default)]
    pub answer: Option<InboxAnswerIn>,
}

/// How an inbox answers; 200 at once, when nothing is said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxAnswerIn {
    /// The status.
    #[serde(default)]
    #[schema(minimum = 200, maximum = 599, default = 200)]
    pub status: Option<u16>,
    /// How long it waits before that, in milliseconds.
    #[serde(default)]
    #[schema(maximum = 30_000, default = 0)]
    pub delay_ms: Option<u16>,
    /// So many requests get 500 first.
    #[serde(default)]
    #[schema(maximum = 1_000, default = 0)]
    pub fail_first: Option<u16>,
}

/// How an inbox answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxAnswerOut {
    /// The status.
    pub status: u16,
    /// How long it waits before that, in milliseconds.
    pub delay_ms: u16,
    /// So many requests get 500 first.
    pub fail_first: u16,
}

impl From<InboxAnswer> for InboxAnswerOut {
    fn from(answer: InboxAnswer) -> Self {
        Self {
            status: answer.status,
            delay_ms: answer.delay_ms,
            fail_first: answer.fail_first,
        }
    }
}

/// An inbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxOut {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it receives; whoever has the address can send to it.
    pub url: String,
    /// Whose signatures are expected; null = those of endpoints with its address.
    pub endpoint_id: Option<String>,
    /// How it answers.
    pub answer: InboxAnswerOut,
    /// When it was made.
    pub created_at: String,
    /// When it ends, with all that arrived.
    pub expires_at: String,
    /// Requests since it was made, emptied, or told to answer differently.
    pub requests: i64,
}

impl InboxOut {
    pub(crate) fn new(row: InboxRow, url: String) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            url,
            endpoint_id: row.endpoint.map(|id| id.to_string()),
            answer: row.answer.into(),
            created_at: row.created_at.to_rfc3339_micros(),
            expires_at: row.expires_at.to_rfc3339_micros(),
            requests: row.received,
        }
    }
}

/// A request that arrived.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxRequestOut {
    /// Its place in the list.
    pub id: String,
    /// When it arrived.
    pub timestamp: String,
    /// Its method.
    pub method: String,
    /// Its path, after the inbox's address.
    pub path: String,
    /// Its query.
    pub query: Option<String>,
    /// Names and values; those of headers that prove who sends are not kept.
    #[schema(value_type = Vec<Vec<String>>)]
    pub headers: Vec<(String, String)>,
    /// The body as text; null when it is none.
    pub body: Option<String>,
    /// The body in base64.
    pub body_base64: String,
    /// Bytes of the body that are kept.
    pub size_bytes: usize,
    /// The body went on.
    pub truncated: bool,
    /// The status that it was answered.
    pub answered: u16,
    /// The message, as the request names it.
    pub msg_id: Option<String>,
    /// Whether its signature is right.
    pub signature: SignatureOut,
}

/// Whether a signature is right.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureOut {
    /// `valid`, `invalid`, `missing`, or `unknown` when nobody's secret is known or the body was cut.
    pub state: &'static str,
    /// The endpoint whose secret fits.
    pub endpoint_id: Option<String>,
    /// Why, in a sentence.
    pub detail: String,
}

impl InboxRequestOut {
    pub(crate) fn new(request: InboxRequest, judgement: Judgement) -> Self {
        let named = |names: [&str; 2]| {
            let found = request.headers.iter().find(|(n, _)| names.contains(&&**n));
            found.map(|(_, value)| value.clone())
        };
        Self {
            msg_id: named(["svix-id", "webhook-id"]),
            id: request.id.to_string(),
            timestamp: request.received_at.to_rfc3339_micros(),
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: std::str::from_utf8(&request.body).ok().map(str::to_owned),
            body_base64: STANDARD.encode(&request.body),
            size_bytes: request.body.len(),
            truncated: request.truncated,
            answered: request.answered,
            signature: SignatureOut {
                state: judgement.state,
                endpoint_id: judgement.endpoint,
                detail: judgement.detail,
            },
        }
    }
}
