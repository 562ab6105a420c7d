//! A client for all endpoints, and one for each that brings TLS of its own.
//!
//! Connections are never shared between endpoints of different TLS: whoever showed a certificate is
//! known on that connection to the receiver, and whom one endpoint trusts is no matter of another's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use posthorn_chassis::metric;
use posthorn_egress::EgressPolicy;

use crate::client::Client;
use crate::connector::Dialling;
use crate::egress_proxy::EgressProxy;
use crate::own_tls::{OwnTls, TlsBase, TlsDigest};
use crate::recent::Recent;
use crate::resolver;

/// Most clients of endpoints with TLS of their own; beyond it the one that was asked longest ago goes,
/// and its idle connections with it. What is in flight is finished.
const MAX_OWN_CLIENTS: usize = 256;

/// The clients of this process.
pub struct Clients {
    shared: Arc<Client>,
    own: Mutex<Recent<TlsDigest, Arc<Client>>>,
    tls: TlsBase,
    dialling: Dialling,
    timeout: Duration,
}

impl Clients {
    /// Makes them.
    ///
    /// # Errors
    /// When the platform has no usable root certificates.
    pub fn new(
        policy: EgressPolicy,
        proxy: Option<EgressProxy>,
        timeout: Duration,
    ) -> Result<Self, rustls::Error> {
        let tls = TlsBase::new()?;
        // Half of it, so that a proxy that is silent is told from a receiver that is.
        let dialling = Dialling::new(policy, resolver::system()).through(proxy, timeout / 2);
        let shared = Arc::new(Client::with_tls(&dialling, tls.settings(None)?, timeout));
        Ok(Self {
            shared,
            own: Mutex::new(Recent::new(MAX_OWN_CLIENTS)),
            tls,
            dialling,
            timeout,
        })
    }

    /// The client for endpoints without TLS of their own, or for one that has it.
    ///
    /// # Errors
    /// When the TLS library refuses what an endpoint brings, which `api` would have refused.
    pub(crate) fn get(&self, own: Option<&OwnTls>) -> Result<Arc<Client>, rustls::Error> {
        let Some(own) = own else {
            return Ok(Arc::clone(&self.shared));
        };
        let digest = own.digest();
        if let Some(known) = self.own().get(&digest) {
            return Ok(Arc::clone(known));
        }
        // Outside the lock, which is not to be held for long; two made at once do no harm.
        let settings = self.tls.settings(Some(own))?;
        let client = Arc::new(Client::with_tls(&self.dialling, settings, self.timeout));
        if self.own().insert(digest, Arc::clone(&client)) {
            metric::Counter::LimitReached.add(1, &[("limit", "tls_clients")]);
        }
        Ok(client)
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Recent<TlsDigest, Arc<Client>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_tls_has_one_client_and_other_tls_another() {
        let clients = Clients::new(EgressPolicy::default(), None, Duration::from_secs(1)).unwrap();
        let tls = |text: &str| OwnTls::new(&[text.as_bytes()], None, None);
        let known = |clients: &Clients| clients.own().len();
        clients.get(None).unwrap();
        assert_eq!(known(&clients), 0);
        for (text, count) in [("a", 1), ("a", 1), ("b", 2)] {
            clients.get(Some(&tls(text))).unwrap();
            assert_eq!(known(&clients), count);
        }
        for n in 0..MAX_OWN_CLIENTS + 10 {
            clients.get(Some(&tls(&n.to_string()))).unwrap();
        }
        assert_eq!(known(&clients), MAX_OWN_CLIENTS);
    }
}
