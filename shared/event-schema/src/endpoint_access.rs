//! What endpoints ask of whoever sends to them, as the configuration snapshot has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The certificate and its chain, as PEM.
    pub chain: String,
    /// Its private key: sealed PEM, in base64.
    pub sealed_key: String,
}

/// How an OAuth client sends its secret. *Source*: RFC 6749, section 2.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthMethod {
    /// As a Basic `authorization` header.
    Basic,
    /// In the body.
    Post,
}

/// What may be shown of an OAuth client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthSettings {
    /// Where tokens come from.
    pub token_url: String,
    /// The client's name.
    pub client_id: String,
    /// What tokens are to allow, with spaces between the scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How the secret is sent.
    pub method: OAuthMethod,
    /// Further parameters of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_params: BTreeMap<String, String>,
}

/// An OAuth client whose tokens an endpoint wants (grant type `client_credentials`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthClient {
    /// What may be shown of it.
    #[serde(flatten)]
    pub settings: OAuthSettings,
    /// Its secret, sealed, in base64.
    pub sealed_secret: String,
}
