//! What a certificate says of itself.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// What a certificate says of itself, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Whose it is, as in RFC 4514.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its number, in hexadecimal.
    pub serial_number: String,
    /// Since when it is valid, in seconds since 1970.
    pub not_before: u64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: u64,
}

/// Reads a certificate; `None` when it is none.
pub(crate) fn summary(der: &CertificateDer<'_>) -> Option<CertificateSummary> {
    let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
    let validity = certificate.validity;
    Some(CertificateSummary {
        subject: certificate.subject.to_string(),
        issuer: certificate.issuer.to_string(),
        serial_number: certificate.serial_number.to_string().replace(':', ""),
        not_before: validity.not_before.to_unix_duration().as_secs(),
        not_after: validity.not_after.to_unix_duration().as_secs(),
    })
}
