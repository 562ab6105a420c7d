//! Inboxes: what their addresses are, and whether what arrived was signed as it should be.
//!
//! An inbox is only ever written to by whoever sends a request to its address; nothing is fetched.
//! Deliveries to it go out like all others, through the sender and its rules for addresses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthorn_chassis::entropy;
use posthorn_event_schema::{EndpointId, InboxId, OrganizationId};
use posthorn_signing::verify::{Delivery, VerifyKey, verify};
use posthorn_signing::{KeyRing, OpenError, SealContext, digest_parts};
use posthorn_store::inbox::{InboxLimits, InboxRequest};
use posthorn_store::token::Digest;

/// Most that is kept.
pub(crate) const LIMITS: InboxLimits = InboxLimits {
    of_application: 20,
    of_organization: 200,
    requests: 100,
    bytes: 4 * 1024 * 1024,
};
/// Where inboxes receive, before the secret part.
pub(crate) const PATH: &str = "/in/";
const COLUMN: &str = "inbox.token";
const TOKEN_BYTES: usize = 16;
/// Length of the secret part as text.
const TOKEN_LEN: usize = 22;

/// The secret part of a new address: nobody guesses 128 bits.
pub(crate) fn draw() -> String {
    URL_SAFE_NO_PAD.encode(entropy::bytes::<TOKEN_BYTES>())
}

/// Whether a text can be the secret part of an address.
pub(crate) fn is_token(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    text.len() == TOKEN_LEN && text.bytes().all(allowed)
}

/// What the database knows of an address.
pub(crate) fn digest(token: &str) -> Digest {
    digest_parts(&[b"inbox", token.as_bytes()])
}

/// Seals the secret part, so that the address can be shown again.
pub(crate) fn seal(
    keys: &KeyRing,
    organization: &OrganizationId,
    id: &InboxId,
    token: &str,
) -> Vec<u8> {
    keys.seal(token.as_bytes(), &context(organization, id))
}

/// Opens the secret part.
pub(crate) fn open(
    keys: &KeyRing,
    organization: &OrganizationId,
    id: &InboxId,
    sealed: &[u8],
) -> Result<String, OpenError> {
    let bytes = keys.open(sealed, &context(organization, id))?;
    String::from_utf8(bytes).map_err(|_not_text| OpenError::Tampered)
}

fn context<'a>(organization: &'a OrganizationId, id: &'a InboxId) -> SealContext<'a> {
    SealContext {
        organization: organization.as_str(),
        owner: id.as_str(),
        column: COLUMN,
    }
}

/// The whole address.
pub(crate) fn url(base: &str, token: &str) -> String {
    format!("{}{PATH}{token}", base.trim_end_matches('/'))
}

/// Whether a request was signed as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) state: &'static str,
    pub(crate) endpoint: Option<String>,
    pub(crate) detail: String,
}

impl Judgement {
    fn new(state: &'static str, detail: impl Into<String>) -> Self {
        Self {
            state,
            endpoint: None,
            detail: detail.into(),
        }
    }
}

/// Judges a request by the keys of those who may have sent it, as of when it arrived.
pub(crate) fn judge(request: &InboxRequest, keys: &[(EndpointId, VerifyKey)]) -> Judgement {
    let Some([id, timestamp, signature]) = signed(request) else {
        return Judgement::new("missing", "The request carries no signature.");
    };
    if keys.is_empty() {
        let detail = "No endpoint is known whose secret could have signed it.";
        return Judgement::new("unknown", detail);
    }
    if request.truncated {
        return Judgement::new("unknown", "The body is not kept as a whole.");
    }
    let delivery = Delivery {
        id,
        timestamp,
        body: &request.body,
        signature,
    };
    let at = request.received_at.as_unix_micros().div_euclid(1_000_000);
    let mut why = None;
    for (endpoint, key) in keys {
        match verify(key, &delivery, at) {
            Ok(()) => {
                return Judgement {
                    endpoint: Some(endpoint.to_string()),
                    ..Judgement::new("valid", "The endpoint's secret fits.")
                };
            }
            Err(error) => why = Some(error),
        }
    }
    let detail = why.map_or_else(String::new, |error| format!("Refused: {error}."));
    Judgement::new("invalid", detail)
}

/// The headers of a signature, in either spelling.
fn signed(request: &InboxRequest) -> Option<[&str; 3]> {
    let header = |name: String| {
        let found = request.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| &**value)
    };
    ["svix", "webhook"].into_iter().find_map(|prefix| {
        Some([
            header(format!("{prefix}-id"))?,
            header(format!("{prefix}-timestamp"))?,
            header(format!("{prefix}-signature"))?,
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_secret_and_opens_only_in_its_place() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let [one, two] = ["inbox_1", "inbox_2"].map(|id| InboxId::parse(id).unwrap());
        let token = draw();
        assert!(is_token(&token) && token != draw());
        let sealed = seal(&keys, &organization, &one, &token);
        assert_eq!(open(&keys, &organization, &one, &sealed).unwrap(), token);
        assert!(open(&keys, &organization, &two, &sealed).is_err());
        assert_eq!(url("http://a/", "t"), "http://a/in/t");
        for bad in [
            "",
            "short",
            "../../../../../../etc/pw",
            "aaaaaaaaaaaaaaaaaaaaa/",
        ] {
            assert!(!is_token(bad), "{bad}");
        }
    }
}
