//! TLS in front of a receiver, with certificates of an authority that nobody else knows.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use posthorn_harness::Receiver;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// An authority of the test's own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A client's certificate and its key.
    pub(crate) fn client(&self, name: &str) -> (String, String) {
        let mut params = named(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// A client's certificate that has expired, and its key.
    pub(crate) fn expired(&self) -> (String, String) {
        let mut params = named("expired");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn server(&self) -> (String, String) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Who showed a certificate: the certificate of each connection, in order; `None` = none.
type Shown = Arc<Mutex<Vec<Option<CertificateDer<'static>>>>>;

/// TLS in front of a receiver.
pub(crate) struct TlsFront {
    address: SocketAddr,
    shown: Shown,
    _server: JoinSet<()>,
}

impl TlsFront {
    /// Ends TLS for a receiver with a certificate of this authority; `clients` signs those that it
    /// demands.
    pub(crate) async fn start(
        receiver: &Receiver,
        authority: &Authority,
        clients: Option<&Authority>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shown = Shown::default();
        let acceptor = TlsAcceptor::from(Arc::new(settings(authority, clients)));
        let mut server = JoinSet::new();
        server.spawn(accept(
            listener,
            acceptor,
            receiver.address(),
            Arc::clone(&shown),
        ));
        Self {
            address,
            shown,
            _server: server,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The certificates that connections showed so far.
    pub(crate) fn shown(&self) -> Vec<Option<CertificateDer<'static>>> {
        self.shown.lock().unwrap().clone()
    }
}

pub(crate) fn settings(authority: &Authority, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(&clients.pem)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let (pem, key) = authority.server();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    builder
        .with_single_cert(vec![certificate(&pem)], key)
        .unwrap()
}

/// The first certificate of a text.
pub(crate) fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, receiver: SocketAddr, shown: Shown) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shown) = (acceptor.clone(), Arc::clone(&shown));
        connections.spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let certificates = stream.get_ref().1.peer_certificates();
            let first = certificates.and_then(<[_]>::first);
            let first = first.map(|certificate| certificate.clone().into_owned());
            shown.lock().unwrap().push(first);
            if let Ok(mut behind) = TcpStream::connect(receiver).await {
                copy_bidirectional(&mut stream, &mut behind).await.ok();
            }
        });
    }
}
