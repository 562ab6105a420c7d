//! PEM as customers give it: sections, one after the other, and anything between them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::TlsMaterialError;

/// Characters of a line of base64. *Source*: RFC 7468, section 2.
const LINE: usize = 64;
/// Both ways to say that a key is encrypted. *Source*: RFC 7468, section 11, and RFC 1421.
const ENCRYPTED: [&str; 2] = ["ENCRYPTED PRIVATE KEY-----", "4,ENCRYPTED"];

/// What a text holds, in its order.
#[derive(Default)]
pub(crate) struct Sections {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) keys: Vec<PrivateKeyDer<'static>>,
}

impl Sections {
    pub(crate) fn read(text: &str, most_bytes: usize) -> Result<Self, TlsMaterialError> {
        if text.len() > most_bytes {
            return Err(TlsMaterialError::TooLarge { most_bytes });
        }
        if ENCRYPTED.iter().any(|label| text.contains(label)) {
            return Err(TlsMaterialError::EncryptedKey);
        }
        let mut sections = Self::default();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            let (kind, der) = section.map_err(|_words| TlsMaterialError::Pem)?;
            if kind == SectionKind::Certificate {
                sections.certificates.push(der.into());
            } else if let Some(key) = PrivateKeyDer::from_pem(kind, der) {
                sections.keys.push(key);
            }
        }
        Ok(sections)
    }
}

/// Certificates as PEM, and nothing else.
pub(crate) fn of_certificates(certificates: &[CertificateDer<'_>]) -> String {
    let write = |der: &CertificateDer<'_>| write("CERTIFICATE", der);
    certificates.iter().map(write).collect()
}

/// A key as PEM.
pub(crate) fn of_key(key: &PrivateKeyDer<'_>) -> String {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    write(label, key.secret_der())
}

fn write(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
