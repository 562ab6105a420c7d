//! Replies at rest: what a request was answered, sealed, because it may hold secrets.
//!
//! A sealed reply is bound to its organisation and its key: moved to another row, it no longer opens.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use posthorn_event_schema::{FrameError, OrganizationId, frame};
use posthorn_public_http::body::MAX_BODY_BYTES;
use posthorn_signing::{KeyRing, OpenError, SealContext, Sha256Digest};
use posthorn_store::idempotency::DIGEST_LEN;
use serde::{Deserialize, Serialize};

const COLUMN: &str = "idempotency.reply";

/// Why a stored reply cannot be given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplyError {
    /// It does not open.
    #[error("a stored reply does not open")]
    Open(#[from] OpenError),
    /// It opens, and is no reply.
    #[error("a stored reply is none")]
    Frame(#[from] FrameError),
    /// Its status or its content type is none.
    #[error("a stored reply has no valid head")]
    Head(#[from] http::Error),
    /// A reply that is to be stored broke off, or is larger than any that a route gives.
    #[error("the reply cannot be read")]
    Body(#[from] axum::Error),
}

/// Whose reply, to what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) organization: &'a OrganizationId,
    pub(crate) key: &'a [u8; DIGEST_LEN],
}

/// The part of a reply's head that callers look at.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    status: u16,
    content_type: Option<String>,
}

/// Reads a reply and seals it; gives it back unchanged.
pub(crate) async fn seal(
    keys: &KeyRing,
    place: Place<'_>,
    reply: Response,
) -> Result<(Response, Vec<u8>), ReplyError> {
    let (parts, body) = reply.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await?;
    let kind = parts.headers.get(CONTENT_TYPE);
    let head = Head {
        status: parts.status.as_u16(),
        content_type: kind.and_then(|kind| Some(kind.to_str().ok()?.to_owned())),
    };
    let name = Sha256Digest::from_bytes(*place.key).to_hex();
    let sealed = keys.seal(&frame::encode(&head, &body), &context(place, &name));
    Ok((Response::from_parts(parts, Body::from(body)), sealed))
}

/// Opens a sealed reply.
pub(crate) fn open(
    keys: &KeyRing,
    place: Place<'_>,
    sealed: &[u8],
) -> Result<Response, ReplyError> {
    let name = Sha256Digest::from_bytes(*place.key).to_hex();
    let opened = Bytes::from(keys.open(sealed, &context(place, &name))?);
    let (head, body) = frame::decode::<Head>(&opened)?;
    let mut reply = Response::new(Body::from(body));
    *reply.status_mut() = StatusCode::from_u16(head.status).map_err(http::Error::from)?;
    if let Some(kind) = head.content_type {
        let kind = HeaderValue::try_from(kind).map_err(http::Error::from)?;
        reply.headers_mut().insert(CONTENT_TYPE, kind);
    }
    Ok(reply)
}

fn context<'a>(place: Place<'a>, name: &'a str) -> SealContext<'a> {
    SealContext {
        organization: place.organization.as_str(),
        owner: name,
        column: COLUMN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reply_comes_back_as_it_was_and_only_in_its_place() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let place = Place {
            organization: &organization,
            key: &[1; DIGEST_LEN],
        };
        let mut reply = Response::new(Body::from("{\n}"));
        *reply.status_mut() = StatusCode::CREATED;
        reply
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (given, sealed) = seal(&keys, place, reply).await.unwrap();
        let opened = open(&keys, place, &sealed).unwrap();
        assert_eq!(opened.status(), given.status());
        assert_eq!(opened.headers(), given.headers());
        assert_eq!(to_bytes(opened.into_body(), 9).await.unwrap(), "{\n}");
        let elsewhere = Place {
            key: &[2; DIGEST_LEN],
            ..place
        };
        assert!(open(&keys, elsewhere, &sealed).is_err());
    }
}
