//! What endpoints ask of whoever sends to them, as callers set and see it. Keys and secrets only
//! come in.

use posthorn_egress::TlsMaterialError;
use posthorn_egress::tls_material::certificates_of;
use posthorn_event_schema::Timestamp;
use posthorn_signing::sha256_hex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A client certificate to show to an endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MtlsIn {
    /// PEM of the certificate, of the chain that leads to its root, and of its private key, which is
    /// not encrypted. At most 32 KiB.
    pub identity: String,
    /// Not served here: roots have a place of their own, `…/ca`.
    #[serde(default)]
    #[schema(ignore)]
    pub server_ca_cert: Option<String>,
}

/// The client certificate that is shown to an endpoint. Its key is never told.
#[derive(Debug, Serialize, ToSchema)]
pub struct MtlsOut {
    /// PEM of the certificate and its chain.
    pub certificate: String,
    /// The same in words, the certificate first.
    pub chain: Vec<CertificateOut>,
}

/// Roots that an endpoint's server is signed by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaIn {
    /// PEM of the roots' certificates; they count beside the public ones. At most 64 KiB.
    pub ca_cert: String,
}

/// Roots that an endpoint's server is signed by.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaOut {
    /// PEM of the roots' certificates.
    pub ca_cert: String,
    /// The same in words.
    pub certificates: Vec<CertificateOut>,
}

/// A certificate in words.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateOut {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its number, in hexadecimal.
    pub serial_number: String,
    /// Since when it is valid.
    pub not_before: String,
    /// Until when it is valid.
    pub not_after: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
}

impl MtlsOut {
    /// Shows a certificate and its chain.
    ///
    /// # Errors
    /// When the text is none.
    pub(crate) fn of(pem: String) -> Result<Self, TlsMaterialError> {
        Ok(Self {
            chain: in_words(&pem)?,
            certificate: pem,
        })
    }
}

impl CaOut {
    /// Shows a bundle of certificates.
    ///
    /// # Errors
    /// When the text is none.
    pub(crate) fn of(pem: String) -> Result<Self, TlsMaterialError> {
        Ok(Self {
            certificates: in_words(&pem)?,
            ca_cert: pem,
        })
    }
}

fn in_words(pem: &str) -> Result<Vec<CertificateOut>, TlsMaterialError> {
    let certificates = certificates_of(pem)?.into_iter();
    let show = certificates.map(|(der, summary)| CertificateOut {
        subject: summary.subject,
        issuer: summary.issuer,
        serial_number: summary.serial_number,
        not_before: moment(summary.not_before),
        not_after: moment(summary.not_after),
        sha256: sha256_hex(&der),
    });
    Ok(show.collect())
}

fn moment(unix_seconds: u64) -> String {
    let micros = unix_seconds.saturating_mul(1_000_000);
    Timestamp::from_unix_micros(i64::try_from(micros).unwrap_or(i64::MAX)).to_rfc3339_micros()
}
