//! TLS to PostgreSQL, by the connection URL's `sslmode`.
//!
//! | `sslmode` | Encrypted | Server's certificate |
//! | --- | --- | --- |
//! | `disable` | never | – |
//! | `prefer` (default) | if the server can | not checked, as everywhere with this mode |
//! | `require`, `verify-ca`, `verify-full` | always | checked, name included |
//!
//! `require` is stricter here than in libpq: encryption to an unknown server protects nothing.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Why no TLS connector can be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificate authorities cannot be read.
    #[error("the file of certificate authorities cannot be read")]
    AuthorityFile(#[source] rustls::pki_types::pem::Error),
    /// There is no certificate authority to check the server against.
    #[error("no certificate authority is known; name one with POSTHORN_DATABASE_CA_FILE")]
    NoAuthority,
    /// The TLS library refuses the settings.
    #[error("TLS cannot be set up")]
    Library(#[source] rustls::Error),
}

/// The connector for a mode; with [`SslMode::Disable`] it is never used.
pub(crate) fn connector(
    mode: SslMode,
    authorities: Option<&Path>,
) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?;
    let config = if mode == SslMode::Require {
        builder
            .with_root_certificates(roots(authorities)?)
            .with_no_client_auth()
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_no_client_auth()
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The authorities of the file, or else the system's.
fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let certificates = match file {
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(TlsError::AuthorityFile)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    let (added, _ignored) = store.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(TlsError::NoAuthority);
    }
    Ok(store)
}

/// Accepts any certificate: `prefer` guards against listening, not against impersonation.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
