//! TLS of an endpoint's own: a certificate that it wants to see, and roots that its server is signed by.
//!
//! api asks here to refuse early and in words, sender reads again what was accepted.

use std::fmt;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use crate::certificate::{self, CertificateSummary};
use crate::pem::{self, Sections};

/// Longest client certificate with chain and key, in bytes of PEM: each process of the fleet holds it.
pub const MAX_IDENTITY_BYTES: usize = 32 * 1024;
/// Longest bundle of roots, in bytes of PEM.
pub const MAX_ROOTS_BYTES: usize = 64 * 1024;

/// Why TLS material is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsMaterialError {
    /// Longer than allowed.
    #[error("must have at most {most_bytes} bytes")]
    TooLarge {
        /// How long it may be.
        most_bytes: usize,
    },
    /// Not PEM.
    #[error("is not well-formed PEM")]
    Pem,
    /// No certificate in it.
    #[error("has no certificate")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("has a certificate that cannot be read, number {position}")]
    Certificate {
        /// Counted from 1.
        position: usize,
    },
    /// A certificate that is no longer valid.
    #[error("has a certificate that has expired, number {position}")]
    Expired {
        /// Counted from 1.
        position: usize,
    },
    /// No private key in it.
    #[error("has no private key")]
    NoKey,
    /// More than one private key in it.
    #[error("has more than one private key")]
    ManyKeys,
    /// A private key that only a password opens.
    #[error("has an encrypted private key; give it decrypted, it is stored sealed")]
    EncryptedKey,
    /// A private key of a kind that TLS does not use here.
    #[error("has a private key that cannot be used")]
    Key,
    /// A private key of another certificate.
    #[error("has a private key that does not belong to its first certificate")]
    Mismatch,
    /// A private key where none belongs.
    #[error("has a private key, which does not belong here")]
    UnwantedKey,
}

impl TlsMaterialError {
    /// The rule's name in the public API.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "pem.too_large",
            Self::Pem => "pem.invalid",
            Self::NoCertificate => "certificate.missing",
            Self::Certificate { .. } => "certificate.invalid",
            Self::Expired { .. } => "certificate.expired",
            Self::NoKey => "key.missing",
            Self::ManyKeys => "key.many",
            Self::EncryptedKey => "key.encrypted",
            Self::Key => "key.invalid",
            Self::Mismatch => "key.mismatch",
            Self::UnwantedKey => "key.unwanted",
        }
    }
}

/// A client certificate with its chain, and its private key. `Debug` shows no key.
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// Reads a certificate, the chain that follows it, and its key, wherever that stands.
    ///
    /// # Errors
    /// The first rule that the text breaks. That a certificate has expired is
    /// [`check_dates`](Self::check_dates)'s to say.
    pub fn parse(text: &str) -> Result<Self, TlsMaterialError> {
        let sections = Sections::read(text, MAX_IDENTITY_BYTES)?;
        summaries(&sections.certificates)?;
        let chain = sections.certificates;
        let mut keys = sections.keys.into_iter();
        let key = keys.next().ok_or(TlsMaterialError::NoKey)?;
        if keys.next().is_some() {
            return Err(TlsMaterialError::ManyKeys);
        }
        let provider = aws_lc_rs::default_provider();
        match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
            Ok(_) => {
                let identity = Self { chain, key };
                let written = identity.chain_pem().len() + identity.key_pem().len();
                check_size(written, MAX_IDENTITY_BYTES)?;
                Ok(identity)
            }
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(TlsMaterialError::Mismatch)
            }
            Err(rustls::Error::InvalidCertificate(_)) => {
                Err(TlsMaterialError::Certificate { position: 1 })
            }
            Err(_) => Err(TlsMaterialError::Key),
        }
    }

    /// Checks that no certificate has expired.
    ///
    /// # Errors
    /// [`TlsMaterialError::Expired`].
    pub fn check_dates(&self, now_unix_seconds: u64) -> Result<(), TlsMaterialError> {
        check_dates(&self.chain, now_unix_seconds)
    }

    /// The certificate and its chain as PEM, without the key.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        pem::of_certificates(&self.chain)
    }

    /// The key as PEM: a secret.
    #[must_use]
    pub fn key_pem(&self) -> String {
        pem::of_key(&self.key)
    }

    /// The certificate and its chain, and the key: a secret.
    #[must_use]
    pub fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity({} certificates)", self.chain.len())
    }
}

/// Certificates of authorities that an endpoint's server is signed by, beside the public ones.
#[derive(Debug, Clone)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

impl ExtraRoots {
    /// Reads a bundle of certificates.
    ///
    /// # Errors
    /// The first rule that the text breaks, except that a certificate has expired.
    pub fn parse(text: &str) -> Result<Self, TlsMaterialError> {
        let sections = Sections::read(text, MAX_ROOTS_BYTES)?;
        if !sections.keys.is_empty() {
            return Err(TlsMaterialError::UnwantedKey);
        }
        summaries(&sections.certificates)?;
        let mut store = RootCertStore::empty();
        for (index, root) in sections.certificates.iter().enumerate() {
            let position = index + 1;
            let added = store.add(root.clone());
            added.map_err(|_words| TlsMaterialError::Certificate { position })?;
        }
        let roots = Self(sections.certificates);
        check_size(roots.pem().len(), MAX_ROOTS_BYTES)?;
        Ok(roots)
    }

    /// Checks that no certificate has expired.
    ///
    /// # Errors
    /// [`TlsMaterialError::Expired`].
    pub fn check_dates(&self, now_unix_seconds: u64) -> Result<(), TlsMaterialError> {
        check_dates(&self.0, now_unix_seconds)
    }

    /// The bundle as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem::of_certificates(&self.0)
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }
}

/// What the certificates of a text say of themselves.
///
/// # Errors
/// When it is not PEM, or has no certificate, or one that cannot be read.
pub fn certificates_of(
    text: &str,
) -> Result<Vec<(CertificateDer<'static>, CertificateSummary)>, TlsMaterialError> {
    let certificates = Sections::read(text, MAX_ROOTS_BYTES)?.certificates;
    let summaries = summaries(&certificates)?;
    Ok(certificates.into_iter().zip(summaries).collect())
}

/// What is stored is written anew, with lines of its own, and must be readable again.
fn check_size(written: usize, most_bytes: usize) -> Result<(), TlsMaterialError> {
    if written > most_bytes {
        return Err(TlsMaterialError::TooLarge { most_bytes });
    }
    Ok(())
}

fn summaries(
    certificates: &[CertificateDer<'_>],
) -> Result<Vec<CertificateSummary>, TlsMaterialError> {
    if certificates.is_empty() {
        return Err(TlsMaterialError::NoCertificate);
    }
    let mut summaries = Vec::with_capacity(certificates.len());
    for (index, der) in certificates.iter().enumerate() {
        let position = index + 1;
        let summary = certificate::summary(der);
        summaries.push(summary.ok_or(TlsMaterialError::Certificate { position })?);
    }
    Ok(summaries)
}

fn check_dates(
    certificates: &[CertificateDer<'_>],
    now_unix_seconds: u64,
) -> Result<(), TlsMaterialError> {
    let ends = summaries(certificates)?;
    match ends
        .iter()
        .position(|summary| summary.not_after < now_unix_seconds)
    {
        Some(index) => Err(TlsMaterialError::Expired {
            position: index + 1,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate with this common name that is valid in the year 2026, and its key, as PEM.
    fn certificate(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// 2026-07-02, in seconds since 1970.
    const MIDYEAR: u64 = 1_782_950_400;

    fn refused(text: &str) -> TlsMaterialError {
        ClientIdentity::parse(text).unwrap_err()
    }

    #[test]
    fn an_identity_comes_back_as_it_was_in_whatever_order() {
        let (certificate, key) = certificate("client");
        let (issuer, _) = self::certificate("issuer");
        let text = format!("note\n{key}\n{certificate}\r\n{issuer}");
        let identity = ClientIdentity::parse(&text).unwrap();
        let again = format!("{}{}", identity.chain_pem(), identity.key_pem());
        let again = ClientIdentity::parse(&again).unwrap();
        assert_eq!(again.parts(), identity.parts());
        let found = certificates_of(&identity.chain_pem()).unwrap();
        let subjects: Vec<_> = found.iter().map(|(_, s)| s.subject.as_str()).collect();
        assert_eq!(subjects, ["CN=client", "CN=issuer"]);
        assert_eq!(identity.check_dates(MIDYEAR), Ok(()));
        let later = MIDYEAR + 366 * 24 * 3_600;
        let expired = TlsMaterialError::Expired { position: 1 };
        assert_eq!(identity.check_dates(later), Err(expired));
        assert!(!format!("{identity:?}").contains("PRIVATE"));
    }

    #[test]
    fn every_rule_of_an_identity_has_its_own_answer() {
        let (certificate, key) = certificate("client");
        let (_, other_key) = self::certificate("other");
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let long = "x".repeat(MAX_IDENTITY_BYTES + 1);
        for (text, code) in [
            ("", "certificate.missing"),
            (&*key, "certificate.missing"),
            (&*certificate, "key.missing"),
            (&format!("{certificate}{key}{other_key}"), "key.many"),
            (&format!("{certificate}{other_key}"), "key.mismatch"),
            (
                &format!("{certificate}{garbage}{key}"),
                "certificate.invalid",
            ),
            (&format!("{certificate}{no_key}"), "key.invalid"),
            (&format!("{certificate}{encrypted}"), "key.encrypted"),
            (&format!("{certificate}{old}"), "key.encrypted"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "pem.invalid"),
            (&long, "pem.too_large"),
        ] {
            assert_eq!(refused(text).code(), code, "{text}");
        }
    }

    #[test]
    fn what_is_accepted_can_be_read_again_however_long_its_lines_are() {
        let (certificate, _) = certificate("one");
        // Without the breaks between lines it is shorter than what is written.
        let mut lines: Vec<_> = certificate.lines().collect();
        let last = lines.pop().unwrap();
        let one_line = format!("{}\n{}\n{last}\n", lines[0], lines[1..].concat());
        let most = MAX_ROOTS_BYTES / one_line.len();
        let mut accepted = 0;
        for count in 1..=most {
            if let Ok(roots) = ExtraRoots::parse(&one_line.repeat(count)) {
                assert!(ExtraRoots::parse(&roots.pem()).is_ok(), "{count}");
                accepted = count;
            }
        }
        assert!((1..most).contains(&accepted), "{accepted} of {most}");
    }

    #[test]
    fn a_bundle_has_certificates_and_no_key() {
        let (one, key) = certificate("one");
        let (two, _) = certificate("two");
        let roots = ExtraRoots::parse(&format!("{one}{two}")).unwrap();
        assert_eq!(roots.certificates().len(), 2);
        assert_eq!(certificates_of(&roots.pem()).unwrap().len(), 2);
        let refused = |text: &str| ExtraRoots::parse(text).unwrap_err();
        assert_eq!(
            refused(&format!("{one}{key}")),
            TlsMaterialError::UnwantedKey
        );
        assert_eq!(refused(""), TlsMaterialError::NoCertificate);
    }
}
