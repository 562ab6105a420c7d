//! What endpoints ask of whoever sends to them, as the configuration snapshot has it.

use serde::{Deserialize, Serialize};

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The certificate and its chain, as PEM.
    pub chain: String,
    /// Its private key: sealed PEM, in base64.
    pub sealed_key: String,
}
