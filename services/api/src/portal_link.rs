//! Links into a customer's portal: they carry a code that is exchanged for the token once.
//!
//! A link may end up in histories and logs; the code in it is worth nothing after its use or five
//! minutes. It stands behind `#`, so browsers do not send it to servers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::HOST;
use posthorn_chassis::entropy;
use posthorn_event_schema::{ApplicationId, OrganizationId};
use posthorn_signing::{KeyRing, OpenError, SealContext, Sha256Digest, digest_parts};
use posthorn_store::token::Digest;
use serde_json::json;
use url::Url;

/// How long a code can be exchanged.
pub(crate) const CODE_TTL: Duration = Duration::from_secs(5 * 60);
const COLUMN: &str = "one_time_code.token";
/// Random bytes of a code.
const CODE_LEN: usize = 32;

/// A new code, to be handed out once.
pub(crate) fn draw() -> String {
    let random: [u8; CODE_LEN] = entropy::bytes();
    format!("ott_{}", URL_SAFE_NO_PAD.encode(random))
}

/// What the database knows of a code.
pub(crate) fn digest(code: &str) -> Digest {
    digest_parts(&[b"one-time code", code.as_bytes()])
}

/// Seals the token that a code stands for.
pub(crate) fn seal(
    keys: &KeyRing,
    organization: &OrganizationId,
    code: &Digest,
    token: &str,
) -> Vec<u8> {
    let owner = Sha256Digest::from_bytes(*code).to_hex();
    keys.seal(token.as_bytes(), &context(organization, &owner))
}

/// Opens what [`seal`] made for this code.
pub(crate) fn open(
    keys: &KeyRing,
    organization: &OrganizationId,
    code: &Digest,
    sealed: &[u8],
) -> Result<String, OpenError> {
    let owner = Sha256Digest::from_bytes(*code).to_hex();
    let bytes = keys.open(sealed, &context(organization, &owner))?;
    String::from_utf8(bytes).map_err(|_not_text| OpenError::Tampered)
}

fn context<'a>(organization: &'a OrganizationId, owner: &'a str) -> SealContext<'a> {
    SealContext {
        organization: organization.as_str(),
        owner,
        column: COLUMN,
    }
}

/// The link. *Source*: the form is that of Svix's hosted portal.
pub(crate) fn link(base: &str, application: &ApplicationId, code: &str) -> String {
    let key = json!({"appId": application.as_str(), "oneTimeToken": code}).to_string();
    let base = base.trim_end_matches('/');
    format!("{base}/login#key={}", URL_SAFE_NO_PAD.encode(key))
}

/// Where the portal is: as configured, or where the request came in.
pub(crate) fn base(configured: Option<&Url>, headers: &HeaderMap) -> String {
    if let Some(url) = configured {
        return url.to_string();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let https = text("x-forwarded-proto").is_some_and(|proto| proto.starts_with("https"));
    let host = text(HOST.as_str()).filter(|host| is_host(host));
    let scheme = if https { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

fn is_host(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b".-_:[]".contains(&c);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_portal_and_hides_its_code_from_servers() {
        let application = ApplicationId::parse("app_1").unwrap();
        let url = link("https://portal.example/", &application, "ott_x");
        let (address, key) = url.split_once("#key=").unwrap();
        assert_eq!(address, "https://portal.example/login");
        let json = URL_SAFE_NO_PAD.decode(key).unwrap();
        assert_eq!(json, br#"{"appId":"app_1","oneTimeToken":"ott_x"}"#);
    }

    #[test]
    fn without_a_setting_the_portal_is_where_the_request_came_in() {
        let mut headers = HeaderMap::new();
        assert_eq!(base(None, &headers), "http://localhost");
        headers.insert(HOST, "api.example:8071".parse().unwrap());
        assert_eq!(base(None, &headers), "http://api.example:8071");
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        assert_eq!(base(None, &headers), "https://api.example:8071");
        headers.insert(HOST, "evil.example/x".parse().unwrap());
        assert_eq!(base(None, &headers), "https://localhost");
    }

    #[test]
    fn a_sealed_token_opens_only_with_its_code() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let [mine, other] = ["a", "b"].map(digest);
        let sealed = seal(&keys, &organization, &mine, "token");
        let opened = open(&keys, &organization, &mine, &sealed);
        assert_eq!(opened.unwrap(), "token");
        assert!(open(&keys, &organization, &other, &sealed).is_err());
        assert_ne!(draw(), draw());
    }
}
