//! Secrets and headers of endpoints, sealed before they leave this process.
//!
//! A sealed value is bound to its organisation, endpoint and column: moved to another row, it no
//! longer opens. The sender opens it from the snapshot with the same context.

use posthorn_event_schema::{EndpointId, OrganizationId};
use posthorn_signing::{KeyRing, OpenError, SealContext, SecretError, SigningSecret};

use crate::custom_headers::CustomHeaders;

/// The column of a signing secret: the text `whsec_…` or `whsk_…`.
const SECRET: &str = "secret";
/// The column of custom headers: a JSON object of strings.
const HEADERS: &str = "headers";

/// Why a stored value cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// It does not open.
    #[error("a sealed {column} does not open")]
    Open {
        /// What it is.
        column: &'static str,
        /// Why.
        #[source]
        cause: OpenError,
    },
    /// It opens, and is not UTF-8.
    #[error("an opened secret is not text")]
    NotText(#[source] std::string::FromUtf8Error),
    /// It opens, and is not a secret.
    #[error("an opened secret is none")]
    NotASecret(#[source] SecretError),
    /// It opens, and is not a set of headers.
    #[error("opened headers are none")]
    NotHeaders(#[source] serde_json::Error),
}

/// Whose value is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The application's owner.
    pub organization: &'a OrganizationId,
    /// The endpoint.
    pub endpoint: &'a EndpointId,
}

impl<'a> Owner<'a> {
    fn context(self, column: &'static str) -> SealContext<'a> {
        SealContext {
            organization: self.organization.as_str(),
            owner: self.endpoint.as_str(),
            column,
        }
    }
}

/// Seals a signing secret.
#[must_use]
pub fn seal_secret(keys: &KeyRing, owner: Owner<'_>, secret: &SigningSecret) -> Vec<u8> {
    keys.seal(secret.to_text().as_bytes(), &owner.context(SECRET))
}

/// Opens a signing secret.
///
/// # Errors
/// [`SealingError`], when the key ring lacks its key or the row was tampered with.
pub fn open_secret(
    keys: &KeyRing,
    owner: Owner<'_>,
    sealed: &[u8],
) -> Result<SigningSecret, SealingError> {
    let bytes = open(keys, owner, SECRET, sealed)?;
    let text = String::from_utf8(bytes).map_err(SealingError::NotText)?;
    SigningSecret::parse(&text).map_err(SealingError::NotASecret)
}

/// What only the sender opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The user name and password of a URL: `user:password`.
    Credentials,
    /// The private key of a client certificate: PEM.
    MtlsKey,
    /// The secret of an OAuth client.
    OAuthSecret,
}

impl Column {
    fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::MtlsKey => "mtls_key",
            Self::OAuthSecret => "oauth_secret",
        }
    }
}

/// Seals a value that only the sender opens.
#[must_use]
pub fn seal(keys: &KeyRing, owner: Owner<'_>, column: Column, value: &[u8]) -> Vec<u8> {
    keys.seal(value, &owner.context(column.as_str()))
}

/// Seals headers; none need no sealing.
///
/// # Panics
/// Never: a map of strings is always representable in JSON.
#[must_use]
pub fn seal_headers(keys: &KeyRing, owner: Owner<'_>, headers: &CustomHeaders) -> Option<Vec<u8>> {
    if headers.is_empty() {
        return None;
    }
    let json = serde_json::to_vec(headers).expect("a map of strings is representable in JSON");
    Some(keys.seal(&json, &owner.context(HEADERS)))
}

/// Opens headers.
///
/// # Errors
/// As [`open_secret`].
pub fn open_headers(
    keys: &KeyRing,
    owner: Owner<'_>,
    sealed: Option<&[u8]>,
) -> Result<CustomHeaders, SealingError> {
    let Some(sealed) = sealed else {
        return Ok(CustomHeaders::new());
    };
    let json = open(keys, owner, HEADERS, sealed)?;
    serde_json::from_slice(&json).map_err(SealingError::NotHeaders)
}

fn open(
    keys: &KeyRing,
    owner: Owner<'_>,
    column: &'static str,
    sealed: &[u8],
) -> Result<Vec<u8>, SealingError> {
    let opened = keys.open(sealed, &owner.context(column));
    opened.map_err(|cause| SealingError::Open { column, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_only_for_its_owner_and_column() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let [mine, other] = ["ep_1", "ep_2"].map(|id| EndpointId::parse(id).unwrap());
        let owner = Owner {
            organization: &organization,
            endpoint: &mine,
        };
        let stranger = Owner {
            organization: &organization,
            endpoint: &other,
        };

        let secret = SigningSecret::generate();
        let sealed = seal_secret(&keys, owner, &secret);
        assert_eq!(open_secret(&keys, owner, &sealed).unwrap(), secret);
        assert!(matches!(
            open_secret(&keys, stranger, &sealed),
            Err(SealingError::Open {
                column: "secret",
                cause: OpenError::Tampered
            })
        ));
        assert!(open_headers(&keys, owner, Some(&sealed)).is_err());

        let headers: CustomHeaders = [("X-Team".to_owned(), "blue".to_owned())].into();
        let sealed = seal_headers(&keys, owner, &headers).unwrap();
        assert_eq!(open_headers(&keys, owner, Some(&sealed)).unwrap(), headers);
        assert_eq!(seal_headers(&keys, owner, &CustomHeaders::new()), None);
        assert!(open_headers(&keys, owner, None).unwrap().is_empty());
    }
}
