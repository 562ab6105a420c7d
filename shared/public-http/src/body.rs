//! Reading bodies, within a limit and a time, with errors that say where the mistake is.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use posthorn_chassis::metric;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{ApiError, Problem};

/// Largest body, in bytes. *Source*: Svix's server; what a route accepts may be less.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// A body must have come within this time: a caller that drips holds a place for so long at most.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A body as it came.
#[derive(Debug, Clone)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let read = Limited::new(request.into_body(), MAX_BODY_BYTES).collect();
        let Ok(read) = tokio::time::timeout(BODY_DEADLINE, read).await else {
            metric::Counter::LimitReached.add(1, &[("limit", "http_body_time")]);
            let detail = format!("the body did not come within {BODY_DEADLINE:?}");
            return Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                detail,
            ));
        };
        match read {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                metric::Counter::LimitReached.add(1, &[("limit", "http_body_bytes")]);
                Err(ApiError::too_large("Request payload is too large."))
            }
            Err(_broken) => Err(ApiError::bad_request(
                "generic_error",
                "the body ended early",
            )),
        }
    }
}

/// A JSON body, whatever its content type says.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// Reads a JSON object: what is not well formed is 400 with the place, what is of the wrong type is
/// 422 with the field. `null` is read where `T` is optional.
///
/// # Errors
/// As above.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    parse_at(&["body"], bytes)
}

/// As [`parse`], for an object that stands at this place of a request.
///
/// # Errors
/// As there.
pub fn parse_at<T: DeserializeOwned>(place: &[&str], bytes: &[u8]) -> Result<T, ApiError> {
    refuse_other_than_object(place, bytes)?;
    // Only a mistake needs the path of each value, which is work of its own.
    if let Ok(parsed) = serde_json::from_slice(bytes) {
        return Ok(parsed);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refusal(place, &path, error.inner())
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(parsed)
}

/// Derived readers would take a list for an object whose names are left out.
fn refuse_other_than_object(place: &[&str], bytes: &[u8]) -> Result<(), ApiError> {
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(start, None | Some(b'{' | b'n')) {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
    let (place, kind) = (place.iter().copied(), "value_error.jsondecode");
    let problem = Problem::new(place, "must be a JSON object", kind);
    Err(ApiError::invalid(vec![problem]))
}

fn refusal(place: &[&str], path: &str, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return not_json(error);
    }
    let mut loc: Vec<_> = place.iter().copied().map(str::to_owned).collect();
    if path != "." {
        // A list's item reads `field[0]`.
        loc.extend(path.replace('[', ".[").split('.').map(str::to_owned));
    }
    let text = error.to_string();
    let rule = text.split(" at line ").next().unwrap_or_default();
    ApiError::invalid(vec![Problem::new(loc, rule, "value_error.jsondecode")])
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::bad_request("invalid_json", format!("the body is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Example {
        #[allow(dead_code, reason = "only its reading matters")]
        names: Vec<String>,
    }

    fn refused(json: &str) -> String {
        format!("{:?}", parse::<Example>(json.as_bytes()).unwrap_err())
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        assert!(refused(r#"{"names":["a""#).contains("line 1 column 13"));
        assert!(refused("").contains("invalid_json"));
        assert!(refused("{\"names\":[\"\u{0}\"]}").contains("invalid_json"));
        assert!(refused(r#"{"names":[]} x"#).contains("invalid_json"));
        assert!(refused(r#"{"names":["a",1]}"#).contains(r#"["body", "names", "[1]"]"#));
        assert!(refused("{}").contains("missing field `names`"));
    }

    #[test]
    fn only_an_object_is_read_and_null_where_it_is_optional() {
        for other in [r#"[["a"]]"#, "[]", " \"a\"", "1", "true"] {
            let refused = refused(other);
            assert!(refused.contains(r#"loc: ["body"]"#), "{refused}");
            assert!(refused.contains("must be a JSON object"), "{refused}");
        }
        assert!(refused("[[").contains("invalid_json"));
        assert!(refused("null").contains(r#"loc: ["body"]"#));
        assert!(parse::<Option<Example>>(b" null ").unwrap().is_none());
        assert!(parse::<Option<Example>>(b"[]").is_err());
    }

    #[test]
    fn a_long_value_is_not_repeated() {
        let long = refused(&format!(r#"{{"names":"{}"}}"#, "x".repeat(500_000)));
        assert!(long.len() < 500, "{} characters", long.len());
    }
}
