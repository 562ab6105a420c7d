//! The signature header of a delivery.
//!
//! Signed content is `{id}.{timestamp}.{body}`: the dot separates, so an id must not contain one.
//! The header is a list, separated by one space, with one entry per valid secret, the current one
//! first: `v1,` and the base64 of an HMAC-SHA256, or `v1a,` and the base64 of an ed25519 signature.
//! *Source*: Standard Webhooks, "Signature scheme".
//!
//! The body is signed exactly as it is sent, as bytes, also when it is not UTF-8.

use ed25519_dalek::SigningKey;
use ed25519_dalek::ed25519::signature::MultipartSigner;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::base64_text;
use crate::secret::{Kind, SigningSecret};

/// Version of an HMAC-SHA256 signature.
pub const HMAC_VERSION: &str = "v1";
/// Version of an ed25519 signature.
pub const ED25519_VERSION: &str = "v1a";
/// Longest entry of a header: `v1a,`, 88 characters of base64 and the space.
const MAX_ENTRY_LEN: usize = 93;

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// The secrets of one endpoint, prepared once so that signing a delivery only hashes its content.
///
/// Cloning is cheap. `Debug` shows only how many keys there are.
#[derive(Clone)]
pub struct Signer(Vec<Key>);

#[derive(Clone)]
enum Key {
    /// The state after both key blocks; cloned for each signature.
    Hmac(Box<HmacSha256>),
    Ed25519(Box<SigningKey>),
}

impl Signer {
    /// Prepares the valid secrets of an endpoint, the current one first.
    #[must_use]
    pub fn new(secrets: &[SigningSecret]) -> Self {
        Self(secrets.iter().map(Key::new).collect())
    }

    /// The value of the signature header for one delivery.
    ///
    /// `timestamp_unix_s` is the time of the attempt in seconds, the same that the timestamp
    /// header carries. `id` is the message id and must not contain a `.`; ids of Posthorn cannot
    /// (debug builds assert it).
    /// Without any secret the value is empty.
    #[must_use]
    pub fn header_value(&self, id: &str, timestamp_unix_s: i64, body: &[u8]) -> String {
        debug_assert!(!id.contains('.'), "the id of a signed message has a dot");
        let head = signed_head(id, &timestamp_unix_s.to_string());
        let mut value = String::with_capacity(self.0.len() * MAX_ENTRY_LEN);
        for key in &self.0 {
            if !value.is_empty() {
                value.push(' ');
            }
            key.sign_onto(head.as_bytes(), body, &mut value);
        }
        value
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({} keys, [REDACTED])", self.0.len())
    }
}

impl Key {
    fn new(secret: &SigningSecret) -> Self {
        match &secret.0 {
            Kind::Hmac(key) => Self::Hmac(Box::new(hmac_state(key))),
            Kind::Ed25519(key) => Self::Ed25519(key.clone()),
        }
    }

    fn sign_onto(&self, head: &[u8], body: &[u8], value: &mut String) {
        match self {
            Self::Hmac(state) => {
                let tag = hmac_tag(state, head, body);
                value.push_str(HMAC_VERSION);
                value.push(',');
                base64_text::encode_onto(&tag, value);
            }
            Self::Ed25519(key) => {
                let signature = key.multipart_sign(&[head, body]);
                value.push_str(ED25519_VERSION);
                value.push(',');
                base64_text::encode_onto(&signature.to_bytes(), value);
            }
        }
    }
}

/// Signs one message; [`Signer`] is the cheaper way for many.
///
/// Meaning of the arguments and of the result: [`Signer::header_value`].
#[must_use]
pub fn sign(secrets: &[SigningSecret], id: &str, timestamp_unix_s: i64, body: &[u8]) -> String {
    Signer::new(secrets).header_value(id, timestamp_unix_s, body)
}

/// What precedes the body in the signed content.
pub(crate) fn signed_head(id: &str, timestamp: &str) -> String {
    format!("{id}.{timestamp}.")
}

pub(crate) fn hmac_state(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes a key of any length")
}

pub(crate) fn hmac_tag(state: &HmacSha256, head: &[u8], body: &[u8]) -> [u8; 32] {
    let mut mac = state.clone();
    mac.update(head);
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_sign_in_their_order_separated_by_one_space() {
        let current = SigningSecret::generate();
        let old = SigningSecret::generate_key_pair();
        let both = sign(&[current.clone(), old.clone()], "msg_1", 1, b"{}");
        let alone = [
            sign(&[current], "msg_1", 1, b"{}"),
            sign(&[old], "msg_1", 1, b"{}"),
        ];
        assert_eq!(both, alone.join(" "));
        assert!(alone[0].starts_with("v1,") && alone[1].starts_with("v1a,"));
    }

    #[test]
    fn a_prepared_signer_gives_the_same_value_every_time() {
        let secrets = [SigningSecret::generate()];
        let signer = Signer::new(&secrets);
        let first = signer.header_value("msg_1", 5, b"\xff\x00");
        assert_eq!(first, signer.header_value("msg_1", 5, b"\xff\x00"));
        assert_eq!(first, sign(&secrets, "msg_1", 5, b"\xff\x00"));
    }

    #[test]
    fn without_a_secret_the_value_is_empty() {
        assert_eq!(sign(&[], "msg_1", 1, b"{}"), "");
    }

    #[test]
    fn debug_shows_no_key() {
        let signer = Signer::new(&[SigningSecret::generate()]);
        assert_eq!(format!("{signer:?}"), "Signer(1 keys, [REDACTED])");
    }
}
