//! Endpoints ready to be sent to: URL parsed, secrets opened, signer and headers prepared.
//!
//! Opened secrets exist only here, in memory, per version of an endpoint.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use posthorn_egress::{ClientIdentity, ExtraRoots, TlsMaterialError};
use posthorn_event_schema::{EndpointId, EndpointSnapshot, SealedSecret, Timestamp};
use posthorn_signing::{KeyRing, OpenError, SealContext, SecretError, Signer, SigningSecret};

use crate::own_tls::OwnTls;
use crate::retry::RetrySchedule;
use crate::token::OAuth;

/// The column that a sealed signing secret is bound to.
pub const SECRET_COLUMN: &str = "secret";
/// The column that the sealed credentials of a URL are bound to.
pub const CREDENTIALS_COLUMN: &str = "credentials";
/// The column that the sealed key of a client certificate is bound to.
pub const MTLS_KEY_COLUMN: &str = "mtls_key";
/// The column that the sealed secret of an OAuth client is bound to.
pub const OAUTH_SECRET_COLUMN: &str = "oauth_secret";
/// The column that sealed custom headers are bound to.
pub const HEADERS_COLUMN: &str = "headers";

/// An endpoint ready to be sent to.
#[derive(Debug)]
pub struct Prepared {
    /// Where to; `None` when what is stored does not parse, which `api` would have refused.
    pub url: Option<url::Url>,
    /// Signs with all secrets that were valid at preparation.
    pub signer: Signer,
    /// The customer's own headers, and what the credentials of its URL become.
    pub headers: HeaderMap,
    /// The client whose tokens are sent, unless one of the headers stands for them.
    pub oauth: Option<OAuth>,
    /// TLS of its own.
    pub tls: Option<OwnTls>,
    /// Its own waits between attempts.
    pub schedule: Option<RetrySchedule>,
    /// When the first of its secrets stops signing.
    valid_until: Option<Timestamp>,
    version: i64,
}

/// Why an endpoint cannot be prepared. Ours: the endpoint is not to blame, nothing is spent.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A stored secret or header is not base64.
    #[error("a sealed value is not base64")]
    Base64(#[source] base64::DecodeError),
    /// A stored secret or header cannot be opened.
    #[error("a sealed value cannot be opened: it {0}")]
    Open(OpenError),
    /// An opened secret is not one.
    #[error("an opened secret {0}")]
    Secret(SecretError),
    /// Opened headers are not a JSON object of strings that HTTP allows.
    #[error("the opened headers are not valid")]
    Headers,
    /// A client certificate with its opened key, or roots, that `api` would not have taken.
    #[error("the TLS material {0}")]
    Tls(TlsMaterialError),
}

/// The prepared endpoints of this process.
pub struct Endpoints {
    keys: KeyRing,
    prepared: RwLock<HashMap<EndpointId, Arc<Prepared>>>,
}

impl Endpoints {
    /// An empty collection that opens secrets with these keys.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            prepared: RwLock::default(),
        }
    }

    /// The endpoint, prepared at this version and for this moment.
    ///
    /// # Errors
    /// [`PrepareError`] when the snapshot's entry cannot be used.
    pub fn get(
        &self,
        snapshot: &EndpointSnapshot,
        now: Timestamp,
    ) -> Result<Arc<Prepared>, PrepareError> {
        let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.get(&snapshot.id)
            && prepared.version == snapshot.version
            && prepared.valid_until.is_none_or(|until| now < until)
        {
            return Ok(Arc::clone(prepared));
        }
        drop(known);
        let prepared = Arc::new(prepare(&self.keys, snapshot, now)?);
        let mut known = self
            .prepared
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(snapshot.id.clone(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Forgets an endpoint that is gone.
    pub fn forget(&self, endpoint: &EndpointId) {
        self.prepared
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(endpoint);
    }
}

fn prepare(
    keys: &KeyRing,
    snapshot: &EndpointSnapshot,
    now: Timestamp,
) -> Result<Prepared, PrepareError> {
    let valid = |secret: &&SealedSecret| secret.expires_at.is_none_or(|until| now < until);
    let secrets: Vec<SigningSecret> = snapshot
        .secrets
        .iter()
        .filter(valid)
        .map(|secret| open_secret(keys, snapshot, secret))
        .collect::<Result<_, _>>()?;
    let ends = snapshot
        .secrets
        .iter()
        .filter(valid)
        .filter_map(|secret| secret.expires_at);
    let waits = snapshot.retry_waits_ms.as_ref();
    let mut headers = open_headers(keys, snapshot)?;
    let oauth = open_oauth(keys, snapshot, &headers)?;
    if oauth.is_none() {
        add_credentials(&mut headers, keys, snapshot)?;
    }
    Ok(Prepared {
        url: url::Url::parse(&snapshot.url).ok(),
        signer: Signer::new(&secrets),
        headers,
        oauth,
        tls: open_tls(keys, snapshot)?,
        schedule: waits.map(|waits| RetrySchedule::from_millis(waits)),
        valid_until: ends.min(),
        version: snapshot.version,
    })
}

fn open(
    keys: &KeyRing,
    snapshot: &EndpointSnapshot,
    column: &str,
    sealed: &str,
) -> Result<Vec<u8>, PrepareError> {
    let sealed = STANDARD.decode(sealed).map_err(PrepareError::Base64)?;
    let context = SealContext {
        organization: snapshot.organization.as_str(),
        owner: snapshot.id.as_str(),
        column,
    };
    keys.open(&sealed, &context).map_err(PrepareError::Open)
}

fn open_secret(
    keys: &KeyRing,
    snapshot: &EndpointSnapshot,
    secret: &SealedSecret,
) -> Result<SigningSecret, PrepareError> {
    let opened = open(keys, snapshot, SECRET_COLUMN, &secret.sealed)?;
    SigningSecret::parse(&String::from_utf8_lossy(&opened)).map_err(PrepareError::Secret)
}

fn open_headers(keys: &KeyRing, snapshot: &EndpointSnapshot) -> Result<HeaderMap, PrepareError> {
    let Some(sealed) = &snapshot.sealed_headers else {
        return Ok(HeaderMap::new());
    };
    let opened = open(keys, snapshot, HEADERS_COLUMN, sealed)?;
    let pairs: HashMap<String, String> = serde_json::from_slice(&opened)
        .ok()
        .ok_or(PrepareError::Headers)?;
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let name: HeaderName = name.parse().ok().ok_or(PrepareError::Headers)?;
        let value = HeaderValue::from_str(&value)
            .ok()
            .ok_or(PrepareError::Headers)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn open_tls(keys: &KeyRing, snapshot: &EndpointSnapshot) -> Result<Option<OwnTls>, PrepareError> {
    let certificate = snapshot.client_certificate.as_ref();
    let roots = snapshot.extra_roots.as_deref();
    if certificate.is_none() && roots.is_none() {
        return Ok(None);
    }
    let sealed = [
        certificate.map_or("", |certificate| &certificate.chain),
        certificate.map_or("", |certificate| &certificate.sealed_key),
        roots.unwrap_or_default(),
    ];
    let identity = certificate.map(|certificate| {
        let key = open(keys, snapshot, MTLS_KEY_COLUMN, &certificate.sealed_key)?;
        let text = [&certificate.chain, &*String::from_utf8_lossy(&key)].concat();
        ClientIdentity::parse(&text).map_err(PrepareError::Tls)
    });
    let roots = roots.map(|roots| ExtraRoots::parse(roots).map_err(PrepareError::Tls));
    Ok(Some(OwnTls::new(
        &sealed.map(str::as_bytes),
        identity.transpose()?,
        roots.transpose()?,
    )))
}

/// The customer's own header goes before a client, as before credentials of the URL.
fn open_oauth(
    keys: &KeyRing,
    snapshot: &EndpointSnapshot,
    headers: &HeaderMap,
) -> Result<Option<OAuth>, PrepareError> {
    let Some(client) = &snapshot.oauth else {
        return Ok(None);
    };
    if headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let sealed = &client.sealed_secret;
    let secret = open(keys, snapshot, OAUTH_SECRET_COLUMN, sealed)?;
    let secret = String::from_utf8_lossy(&secret).into_owned();
    Ok(Some(OAuth::new(client.settings.clone(), sealed, secret)))
}

/// Credentials of the URL become a Basic header, unless the customer has one of that name.
/// *Source*: RFC 7617, section 2.
fn add_credentials(
    headers: &mut HeaderMap,
    keys: &KeyRing,
    snapshot: &EndpointSnapshot,
) -> Result<(), PrepareError> {
    let Some(sealed) = &snapshot.sealed_credentials else {
        return Ok(());
    };
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let pair = open(keys, snapshot, CREDENTIALS_COLUMN, sealed)?;
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
    let mut value = value.ok().ok_or(PrepareError::Headers)?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(keys: &KeyRing, expires_at: Option<Timestamp>) -> EndpointSnapshot {
        let context = SealContext {
            organization: "org_1",
            owner: "ep_1",
            column: SECRET_COLUMN,
        };
        let seal = |secret: &SigningSecret| {
            STANDARD.encode(keys.seal(secret.to_text().as_bytes(), &context))
        };
        let json = r#"{"v":1,"id":"ep_1","application":"app_1","organization":"org_1","version":1,
            "url":"https://example.com/hook","secrets":[]}"#;
        let mut snapshot: EndpointSnapshot = serde_json::from_str(json).unwrap();
        let current = SealedSecret {
            sealed: seal(&SigningSecret::generate()),
            expires_at: None,
        };
        let old = SealedSecret {
            sealed: seal(&SigningSecret::generate()),
            expires_at,
        };
        snapshot.secrets = vec![current, old];
        snapshot
    }

    fn signatures(prepared: &Prepared) -> usize {
        prepared
            .signer
            .header_value("e", 1, b"{}")
            .split(' ')
            .count()
    }

    #[test]
    fn a_rotated_secret_signs_until_its_grace_ends() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000);
        let snapshot = snapshot(&keys, Some(at(100)));
        let endpoints = Endpoints::new(keys);
        assert_eq!(signatures(&endpoints.get(&snapshot, at(99)).unwrap()), 2);
        assert_eq!(signatures(&endpoints.get(&snapshot, at(100)).unwrap()), 1);
    }

    #[test]
    fn a_secret_moved_from_another_endpoint_is_refused() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let mut snapshot = snapshot(&keys, None);
        snapshot.id = EndpointId::parse("ep_2").unwrap();
        let error = Endpoints::new(keys)
            .get(&snapshot, Timestamp::default())
            .unwrap_err();
        assert!(
            matches!(error, PrepareError::Open(OpenError::Tampered)),
            "{error}"
        );
    }
}
