//! Everything secret: webhook signatures, sealing at rest, digests.
//!
//! This crate is the only door to the cryptographic packages, so that there is one place to audit.
//! It does no I/O and reads no clock: bytes and times go in, bytes and text come out.
//!
//! - [`secret`]: what an endpoint signs with, as text and as key bytes.
//! - [`signature`]: the `webhook-signature` header of a delivery ([Standard Webhooks]).
//! - [`mod@verify`]: what a receiver does with that header.
//! - [`seal`] and [`key_ring`]: secrets encrypted before they reach a database or the bus.
//! - [`digest`]: SHA-256 of requests.
//!
//! Randomness is the thread's generator of `rand`: a `ChaCha` stream seeded by the operating system.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

pub mod digest;
pub mod key_ring;
pub mod seal;
pub mod secret;
pub mod signature;
pub mod verify;

mod base64_text;

pub use digest::{Sha256Digest, digest_parts, sha256_hex};
pub use key_ring::{KeyRing, KeyRingError};
pub use seal::{OpenError, SealContext, sealed_key_id};
pub use secret::{SecretError, SigningSecret};
pub use signature::{Signer, sign};
pub use verify::{Delivery, TOLERANCE_S, VerifyError, VerifyKey, VerifyKeyError, verify};
