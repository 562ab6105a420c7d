//! The tokens of OAuth clients: how one is asked for, and what an answer means. Pure.
//!
//! *Source*: RFC 6749, sections 2.3.1, 4.4 and 5; RFC 6750, section 2.1.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use posthorn_event_schema::{OAuthMethod, OAuthSettings};
use posthorn_signing::digest::digest_parts;
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded::{self, Serializer};

use crate::answer::Answer;
use crate::request::DeliveryRequest;

/// Longest token, in bytes: receivers take no longer heads.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How long a token is used that does not say how long it is good for.
const LIFE_UNSAID: Duration = Duration::from_secs(300);
/// No token is used longer, whatever it says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// How long before its end a token is not used any more, if that is less than a tenth of its life.
const MARGIN: Duration = Duration::from_secs(30);

/// Tells one endpoint's client from another's, and from what it was before.
pub(crate) type ClientDigest = [u8; 32];

/// An OAuth client with its secret. `Debug` shows none of it.
pub struct OAuth {
    digest: ClientDigest,
    settings: OAuthSettings,
    secret: String,
}

impl OAuth {
    /// Takes an endpoint's client. `sealed` is its secret as it is stored, new with each change.
    pub(crate) fn new(settings: OAuthSettings, sealed: &str, secret: String) -> Self {
        let parts = [&settings.token_url, &settings.client_id, sealed];
        Self {
            digest: digest_parts(&parts.map(str::as_bytes)),
            settings,
            secret,
        }
    }

    pub(crate) fn digest(&self) -> ClientDigest {
        self.digest
    }

    /// The request for a token; `None` when the URL does not parse, which `api` would have refused.
    pub(crate) fn request(&self, user_agent: &HeaderValue) -> Option<DeliveryRequest> {
        let settings = &self.settings;
        let url = settings.token_url.parse().ok()?;
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, user_agent.clone());
        let mut body = Serializer::new(String::new());
        body.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &settings.scope {
            body.append_pair("scope", scope);
        }
        match settings.method {
            OAuthMethod::Basic => {
                headers.insert(AUTHORIZATION, self.basic()?);
            }
            OAuthMethod::Post => {
                body.append_pair("client_id", &settings.client_id);
                body.append_pair("client_secret", &self.secret);
            }
        }
        body.extend_pairs(&settings.extra_params);
        let body = body.finish().into();
        Some(DeliveryRequest { url, headers, body })
    }

    fn basic(&self) -> Option<HeaderValue> {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = format!(
            "{}:{}",
            encode(&self.settings.client_id),
            encode(&self.secret)
        );
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OAuth([REDACTED])")
    }
}

/// A token, as the value of an `authorization` header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// `Bearer …`; its `Debug` shows nothing of it.
    pub(crate) value: HeaderValue,
    /// Until when it is used.
    pub(crate) good_until: Instant,
}

/// Reads the answer to a request for a token.
///
/// # Errors
/// What is wrong, in words fit for the customer. Nothing of the answer is in them but its status and
/// a standard's error code: it may repeat what was sent.
pub(crate) fn read(answer: &Answer, now: Instant) -> Result<Token, String> {
    let (status, body) = match answer {
        Answer::Failed { words, .. } => return Err(words.clone()),
        Answer::Http { status, body, .. } => (*status, body),
    };
    let json: Value = serde_json::from_str(&body.text).unwrap_or_default();
    if status != 200 {
        return Err(match error_code(&json) {
            Some(code) => format!("the token server answered {status}, {code}"),
            None => format!("the token server answered {status}"),
        });
    }
    if body.truncated {
        return Err("the token server's answer is too long".to_owned());
    }
    if !is_bearer(&json) {
        return Err("the token server gave a token that is no bearer token".to_owned());
    }
    let token = json["access_token"].as_str().and_then(header_value);
    let value = token.ok_or("the token server's answer has no usable token")?;
    let good_until = now + usable(life(&json["expires_in"]));
    Ok(Token { value, good_until })
}

/// One of the standard's codes or another word, which cannot be a secret that was sent.
fn error_code(json: &Value) -> Option<&'static str> {
    const CODES: [&str; 7] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "temporarily_unavailable",
    ];
    let said = json["error"].as_str()?;
    CODES.into_iter().find(|code| *code == said)
}

/// A type that is left out is taken as the only one that there is.
fn is_bearer(json: &Value) -> bool {
    match &json["token_type"] {
        Value::Null => true,
        said => said
            .as_str()
            .is_some_and(|said| said.eq_ignore_ascii_case("bearer")),
    }
}

fn header_value(token: &str) -> Option<HeaderValue> {
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !visible {
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Seconds; some servers write them as a text.
fn life(expires_in: &Value) -> Duration {
    let seconds = match expires_in {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    seconds
        .map_or(LIFE_UNSAID, Duration::from_secs)
        .min(LONGEST_LIFE)
}

fn usable(life: Duration) -> Duration {
    life - MARGIN.min(life / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Kept;

    fn settings(method: OAuthMethod) -> OAuthSettings {
        OAuthSettings {
            token_url: "https://id.example/token".to_owned(),
            client_id: "me & co".to_owned(),
            scope: Some("a b".to_owned()),
            method,
            extra_params: [("audience".to_owned(), "x=y".to_owned())].into(),
        }
    }

    fn request(method: OAuthMethod) -> DeliveryRequest {
        let oauth = OAuth::new(settings(method), "sealed", "s+cret".to_owned());
        assert!(!format!("{oauth:?}").contains("cret"));
        oauth
            .request(&HeaderValue::from_static("Posthorn"))
            .unwrap()
    }

    fn answer(status: u16, text: &str) -> Answer {
        Answer::Http {
            status,
            body: Kept {
                text: text.to_owned(),
                truncated: false,
            },
            retry_after: None,
            wish: None,
        }
    }

    #[test]
    fn the_secret_goes_into_the_header_or_into_the_body() {
        let basic = request(OAuthMethod::Basic);
        let pair = STANDARD.encode("me+%26+co:s%2Bcret");
        assert_eq!(basic.headers[AUTHORIZATION], format!("Basic {pair}"));
        let form = "grant_type=client_credentials&scope=a+b&audience=x%3Dy";
        assert_eq!(basic.body, form);
        let post = request(OAuthMethod::Post);
        assert!(!post.headers.contains_key(AUTHORIZATION));
        let form = "grant_type=client_credentials&scope=a+b&client_id=me+%26+co\
            &client_secret=s%2Bcret&audience=x%3Dy";
        assert_eq!(post.body, form);
    }

    #[tokio::test]
    async fn a_token_is_used_until_shortly_before_its_end() {
        let now = Instant::now();
        for (expires_in, seconds) in [
            (",\"expires_in\":3600", 3_570),
            (",\"expires_in\":\"100\"", 90),
            (",\"expires_in\":0", 0),
            ("", 270),
            (",\"expires_in\":\"soon\"", 270),
            (",\"expires_in\":99999999999", 86_370),
        ] {
            let text = format!(r#"{{"access_token":"abc","token_type":"bearer"{expires_in}}}"#);
            let token = read(&answer(200, &text), now).unwrap();
            assert_eq!(token.value, "Bearer abc");
            assert_eq!(
                token.good_until,
                now + Duration::from_secs(seconds),
                "{text}"
            );
            assert!(!format!("{token:?}").contains("abc"));
        }
    }

    #[tokio::test]
    async fn what_is_no_token_is_told_without_what_it_says() {
        let read = |status, text: &str| read(&answer(status, text), Instant::now()).unwrap_err();
        let no_token = "the token server's answer has no usable token";
        let long = format!(
            r#"{{"access_token":"{}"}}"#,
            "x".repeat(MAX_TOKEN_BYTES + 1)
        );
        for text in [
            "",
            "hunter2",
            "{}",
            r#"{"access_token":"hunter2\n"}"#,
            &long,
        ] {
            assert_eq!(read(200, text), no_token, "{text}");
        }
        let mac = r#"{"access_token":"hunter2","token_type":"mac"}"#;
        assert!(read(200, mac).ends_with("no bearer token"));
        let refused = |code: &str| read(401, &format!(r#"{{"error":"{code}"}}"#));
        assert_eq!(
            refused("invalid_client"),
            "the token server answered 401, invalid_client"
        );
        assert_eq!(refused("hunter2"), "the token server answered 401");
    }
}
