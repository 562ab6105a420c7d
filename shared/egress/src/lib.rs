//! Which addresses a customer's URL may lead to, and what TLS of its own it may bring. Pure.
//!
//! Endpoints are chosen by strangers, so Posthorn must not become their way into the operator's
//! network. An address is denied unless it is ordinary public unicast, or the operator allows it.
//! api asks here to refuse early, and sender asks for each address that it is about to dial.

mod address;
mod certificate;
mod cidr;
mod pem;
mod policy;
pub mod tls_material;

pub use address::{is_public, unwrapped};
pub use certificate::CertificateSummary;
pub use cidr::Cidr;
pub use policy::EgressPolicy;
pub use tls_material::{ClientIdentity, ExtraRoots, TlsMaterialError};
