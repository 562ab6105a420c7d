//! TLS for receivers, by an authority that only this run knows.
//!
//! Posthorn's processes, and the sender's client in this program, trust the platform's roots, which
//! `SSL_CERT_FILE` names. So a run with TLS makes an authority, and starts this program once more with a
//! file of the platform's roots and its own one; all that it starts inherits the variable.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What a receiver with TLS offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// Only HTTP/1.1
    Http1,
    /// HTTP/2 and HTTP/1.1
    Http2,
}

/// How a receiver is reached, in words.
pub(crate) fn words(tls: Option<Tls>) -> &'static str {
    match tls {
        None => "without TLS",
        Some(Tls::Http1) => "TLS with HTTP/1.1",
        Some(Tls::Http2) => "TLS with HTTP/2",
    }
}

/// The files of a run, and the program's word for a run that has them.
const ROOTS: &str = "roots.pem";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
const TRUSTING: &str = "--trusting";

/// The files of this run; they go with it.
pub(crate) struct Files(PathBuf);

impl Files {
    /// Those that the program left to itself when it started anew; it is the same process.
    pub(crate) fn of_this_run() -> Self {
        Self(folder())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left behind opens nothing.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What a receiver shows.
///
/// # Errors
/// When this run has no files, or the TLS library refuses them.
pub(crate) fn acceptor(tls: Tls) -> anyhow::Result<TlsAcceptor> {
    let read = |name| fs::read(folder().join(name)).with_context(|| format!("read {name}"));
    let chain = vec![CertificateDer::from_pem_slice(&read(CERTIFICATE)?)?];
    let key = PrivateKeyDer::from_pem_slice(&read(KEY)?)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = match tls {
        Tls::Http1 => vec![b"http/1.1".to_vec()],
        Tls::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("posthorn-bench-tls-{}", std::process::id()))
}

/// Starts this program anew in the same process, as one that trusts a new authority; returns only when
/// that fails.
///
/// # Errors
/// Always, if it returns.
pub(crate) fn start_trusting() -> anyhow::Result<std::convert::Infallible> {
    let folder = folder();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    make(&folder)?;
    let failed = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .arg(TRUSTING)
        .env("SSL_CERT_FILE", folder.join(ROOTS))
        .exec();
    Err(failed).context("start anew")
}

/// Makes an authority, a certificate of it for the loopback interface, and the roots to trust.
fn make(folder: &Path) -> anyhow::Result<()> {
    let authority_key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Posthorn's benchmarks");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key)?;
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let platform = rustls_native_certs::load_native_certs().certs;
    let platform: String = platform.iter().map(|root| pem(root)).collect();
    fs::write(folder.join(ROOTS), platform + &authority.pem())?;
    fs::write(folder.join(CERTIFICATE), server.pem())?;
    fs::write(folder.join(KEY), key.serialize_pem())?;
    Ok(())
}

/// *Source*: RFC 7468, section 2: lines of 64 characters.
fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        lines.push_str(&String::from_utf8_lossy(line));
        lines.push('\n');
    }
    lines + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_the_same_after_it_was_text() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let read = CertificateDer::from_pem_slice(pem(certificate.der()).as_bytes()).unwrap();
        assert_eq!(&read, certificate.der());
    }
}
