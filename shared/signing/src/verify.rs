//! What a receiver does with the signature header: the other half of [`crate::signature`].
//!
//! Posthorn itself only signs. This is for the command line, for tests, and as the reference of
//! what a receiver checks: a fresh timestamp, and one entry of the list that matches its key.

use ed25519_dalek::{Signature, VerifyingKey};
use subtle::{Choice, ConstantTimeEq};

use crate::base64_text;
use crate::secret::{HMAC_PREFIX, Kind, PUBLIC_KEY_PREFIX, SecretError, SigningSecret, decode};
use crate::signature::{
    ED25519_VERSION, HMAC_VERSION, HmacSha256, hmac_state, hmac_tag, signed_head,
};

/// How far a timestamp may lie from now, either way, in seconds.
/// *Source*: the official SDKs, 5 minutes.
pub const TOLERANCE_S: u64 = 5 * 60;

/// Why a delivery is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The timestamp header is not a number of seconds.
    #[error("the timestamp is not a number of seconds")]
    InvalidTimestamp,
    /// The attempt is older than the tolerance.
    #[error("the timestamp is too old by {0} s")]
    TooOld(u64),
    /// The attempt lies further in the future than the tolerance.
    #[error("the timestamp is too far in the future by {0} s")]
    TooNew(u64),
    /// No entry of the list has the version that belongs to the key.
    #[error("the header has no `{0}` signature")]
    NoSuchVersion(&'static str),
    /// Entries of the right version, but none that matches.
    #[error("no signature matches")]
    NoMatch,
}

/// Why a text is not a key to verify with. Never contains the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyKeyError {
    /// A `whpk_` text that is not the base64 of a valid ed25519 public key.
    #[error("is not an ed25519 public key")]
    PublicKey,
    /// A bare `whsec_`.
    #[error("holds no key after `{HMAC_PREFIX}`")]
    Empty,
    /// A text that is not base64, not a key pair, or has another prefix.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// What a receiver verifies with.
#[derive(Clone)]
pub struct VerifyKey(VerifyKind);

#[derive(Clone)]
enum VerifyKind {
    Hmac(Box<HmacSha256>),
    Ed25519(Box<VerifyingKey>),
}

/// The parts of a received delivery that the signature covers, as they stand in its headers.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// `webhook-id` (or `svix-id`).
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// `webhook-signature`: the list of signatures.
    pub signature: &'a str,
}

impl VerifyKey {
    /// Reads `whsec_…`, `whsk_…` or `whpk_…`.
    ///
    /// An HMAC key may have any length here: its length is the sender's choice, and the official
    /// receivers do not judge it either.
    ///
    /// # Errors
    /// Says which part of the text is wrong.
    pub fn parse(text: &str) -> Result<Self, VerifyKeyError> {
        if let Some(encoded) = text.strip_prefix(PUBLIC_KEY_PREFIX) {
            let key = public_key(encoded).ok_or(VerifyKeyError::PublicKey)?;
            return Ok(Self(VerifyKind::Ed25519(Box::new(key))));
        }
        if let Some(encoded) = text.strip_prefix(HMAC_PREFIX) {
            let key = decode(encoded)?;
            return match key.as_slice() {
                [] => Err(VerifyKeyError::Empty),
                key => Ok(Self(VerifyKind::Hmac(Box::new(hmac_state(key))))),
            };
        }
        Ok(Self::from(&SigningSecret::parse(text)?))
    }
}

impl From<&SigningSecret> for VerifyKey {
    fn from(secret: &SigningSecret) -> Self {
        Self(match &secret.0 {
            Kind::Hmac(key) => VerifyKind::Hmac(Box::new(hmac_state(key))),
            Kind::Ed25519(key) => VerifyKind::Ed25519(Box::new(key.verifying_key())),
        })
    }
}

impl std::fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VerifyKey([REDACTED])")
    }
}

/// Checks a delivery at the moment `now_unix_s`, in seconds since 1970.
///
/// All entries of the list are compared, each in constant time, whether or not an earlier one
/// matched. Entries of unknown versions are skipped, as the specification asks.
///
/// # Errors
/// Says whether the time or the signature is wrong; see [`VerifyError`].
pub fn verify(
    key: &VerifyKey,
    delivery: &Delivery<'_>,
    now_unix_s: i64,
) -> Result<(), VerifyError> {
    check_timestamp(delivery.timestamp, now_unix_s)?;
    let head = signed_head(delivery.id, delivery.timestamp);
    match &key.0 {
        VerifyKind::Hmac(state) => {
            let expected = hmac_tag(state, head.as_bytes(), delivery.body);
            check_entries(delivery.signature, HMAC_VERSION, |received| {
                received.ct_eq(&expected)
            })
        }
        VerifyKind::Ed25519(key) => {
            let content = [head.as_bytes(), delivery.body].concat();
            check_entries(delivery.signature, ED25519_VERSION, |received| {
                let valid = Signature::from_slice(received)
                    .is_ok_and(|signature| key.verify_strict(&content, &signature).is_ok());
                Choice::from(u8::from(valid))
            })
        }
    }
}

/// Refuses keys of small order, which would accept signatures of nobody.
fn public_key(encoded: &str) -> Option<VerifyingKey> {
    let bytes: [u8; ed25519_dalek::PUBLIC_KEY_LENGTH] =
        base64_text::decode(encoded).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes)
        .ok()
        .filter(|key| !key.is_weak())
}

fn check_timestamp(timestamp: &str, now_unix_s: i64) -> Result<(), VerifyError> {
    if !timestamp.bytes().all(|c| c.is_ascii_digit()) {
        return Err(VerifyError::InvalidTimestamp);
    }
    let Ok(sent_at) = timestamp.parse::<i64>() else {
        return Err(VerifyError::InvalidTimestamp);
    };
    let distance = sent_at.abs_diff(now_unix_s);
    match distance.saturating_sub(TOLERANCE_S) {
        0 => Ok(()),
        excess if sent_at < now_unix_s => Err(VerifyError::TooOld(excess)),
        excess => Err(VerifyError::TooNew(excess)),
    }
}

fn check_entries(
    header: &str,
    version: &'static str,
    matches: impl Fn(&[u8]) -> Choice,
) -> Result<(), VerifyError> {
    let mut entries = header
        .split(' ')
        .filter_map(|entry| entry.split_once(','))
        .filter(|(of, _)| *of == version)
        .map(|(_, encoded)| base64_text::decode(encoded).unwrap_or_default())
        .peekable();
    if entries.peek().is_none() {
        return Err(VerifyError::NoSuchVersion(version));
    }
    let matched = entries.fold(Choice::from(0), |found, received| {
        found | matches(&received)
    });
    if matched.into() {
        Ok(())
    } else {
        Err(VerifyError::NoMatch)
    }
}

#[cfg(test)]
mod tests;
