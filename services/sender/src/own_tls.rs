//! TLS of an endpoint's own, opened from its snapshot, and the settings that follow from it.

use std::sync::Arc;

use posthorn_egress::{ClientIdentity, ExtraRoots};
use posthorn_signing::digest::digest_parts;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};

/// Tells one endpoint's TLS from another's, and from what it was before.
pub(crate) type TlsDigest = [u8; 32];

/// TLS of an endpoint's own. `Debug` shows no key.
#[derive(Debug)]
pub struct OwnTls {
    digest: TlsDigest,
    identity: Option<ClientIdentity>,
    roots: Option<ExtraRoots>,
}

impl OwnTls {
    /// Takes what an endpoint brings. `sealed` is all of it as it is stored: equal texts are equal
    /// TLS, and a key that was sealed anew counts as another one.
    pub(crate) fn new(
        sealed: &[&[u8]],
        identity: Option<ClientIdentity>,
        roots: Option<ExtraRoots>,
    ) -> Self {
        Self {
            digest: digest_parts(sealed),
            identity,
            roots,
        }
    }

    pub(crate) fn digest(&self) -> TlsDigest {
        self.digest
    }
}

/// What all TLS of this process has in common.
#[derive(Clone)]
pub(crate) struct TlsBase {
    provider: Arc<CryptoProvider>,
    /// The platform's.
    roots: Arc<RootCertStore>,
}

impl TlsBase {
    /// # Errors
    /// When the platform has no usable root certificates.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let words = "the platform has no usable root certificates";
            return Err(rustls::Error::General(words.to_owned()));
        }
        Ok(Self {
            provider: Arc::new(aws_lc_rs::default_provider()),
            roots: Arc::new(roots),
        })
    }

    /// The settings for endpoints without TLS of their own, or for one that has it. Each call has
    /// session tickets of its own.
    ///
    /// # Errors
    /// When the TLS library refuses what an endpoint brings, which `api` would have refused.
    pub(crate) fn settings(&self, own: Option<&OwnTls>) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots(own.and_then(|own| own.roots.as_ref()))?);
        match own.and_then(|own| own.identity.as_ref()) {
            None => Ok(builder.with_no_client_auth()),
            Some(identity) => {
                let (chain, key) = identity.parts();
                builder.with_client_auth_cert(chain, key)
            }
        }
    }

    fn roots(&self, extra: Option<&ExtraRoots>) -> Result<Arc<RootCertStore>, rustls::Error> {
        let Some(extra) = extra else {
            return Ok(Arc::clone(&self.roots));
        };
        let mut roots = RootCertStore::clone(&self.roots);
        for root in extra.certificates() {
            roots.add(root.clone())?;
        }
        Ok(Arc::new(roots))
    }
}
