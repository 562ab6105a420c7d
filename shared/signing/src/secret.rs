//! What an endpoint signs with: a shared HMAC key or an ed25519 key pair.
//!
//! Text forms are those of Standard Webhooks and Svix: `whsec_` and the base64 of 24 to 75 bytes,
//! or `whsk_` and the base64 of 64 bytes, private half first.
//! The public half of a pair is shown as `whpk_` and the base64 of 32 bytes.
//! Base64 is written padded and read with or without padding.

use std::fmt;
use std::ops::RangeInclusive;

use ed25519_dalek::SigningKey;
use subtle::ConstantTimeEq;

use crate::base64_text;

/// What the text of an HMAC secret begins with.
pub const HMAC_PREFIX: &str = "whsec_";
/// What the text of an ed25519 key pair begins with.
pub const KEY_PAIR_PREFIX: &str = "whsk_";
/// What the text of an ed25519 public key begins with.
pub const PUBLIC_KEY_PREFIX: &str = "whpk_";
/// Length of an HMAC key in bytes. *Source*: Standard Webhooks asks for 24 to 64; Svix accepts
/// up to 75, so its customers' secrets move over unchanged.
pub const HMAC_KEY_BYTES: RangeInclusive<usize> = 24..=75;
/// Length of an ed25519 key pair in bytes.
pub const KEY_PAIR_BYTES: usize = ed25519_dalek::KEYPAIR_LENGTH;
/// Length of an HMAC key that we make, in bytes. *Source*: Svix's default.
const GENERATED_KEY_BYTES: usize = 24;

/// Why a text is not a signing secret. Never contains the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Neither of the two known prefixes.
    #[error("must begin with `{HMAC_PREFIX}` or `{KEY_PAIR_PREFIX}`")]
    Prefix,
    /// Another character set, or padding in the wrong place.
    #[error("is not valid base64 after the prefix")]
    Base64,
    /// An HMAC key of another length.
    #[error(
        "must hold {} to {} bytes after `{HMAC_PREFIX}`, not {actual}",
        HMAC_KEY_BYTES.start(),
        HMAC_KEY_BYTES.end()
    )]
    HmacLength {
        /// Decoded length in bytes.
        actual: usize,
    },
    /// An ed25519 key pair of another length.
    #[error("must hold {KEY_PAIR_BYTES} bytes after `{KEY_PAIR_PREFIX}`, not {actual}")]
    KeyPairLength {
        /// Decoded length in bytes.
        actual: usize,
    },
    /// The second half is not the public key of the first.
    #[error("holds a public key that does not belong to its private key")]
    KeyPairMismatch,
}

/// A secret that an endpoint signs with. `Debug` shows only its kind; comparing takes the same
/// time wherever the keys differ.
#[derive(Clone)]
pub struct SigningSecret(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Hmac(Vec<u8>),
    Ed25519(Box<SigningKey>),
}

impl SigningSecret {
    /// Reads the text form, `whsec_…` or `whsk_…`.
    ///
    /// # Errors
    /// Says which part is wrong: prefix, base64, length, or a pair whose halves do not match.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        if let Some(encoded) = text.strip_prefix(HMAC_PREFIX) {
            return Self::from_hmac_key(decode(encoded)?);
        }
        if let Some(encoded) = text.strip_prefix(KEY_PAIR_PREFIX) {
            return Self::from_key_pair(&decode(encoded)?);
        }
        Err(SecretError::Prefix)
    }

    /// Takes the bytes of an HMAC key.
    ///
    /// # Errors
    /// [`SecretError::HmacLength`] outside of [`HMAC_KEY_BYTES`].
    pub fn from_hmac_key(key: Vec<u8>) -> Result<Self, SecretError> {
        if HMAC_KEY_BYTES.contains(&key.len()) {
            Ok(Self(Kind::Hmac(key)))
        } else {
            Err(SecretError::HmacLength { actual: key.len() })
        }
    }

    fn from_key_pair(pair: &[u8]) -> Result<Self, SecretError> {
        let Some((pair, [])) = pair.split_first_chunk::<KEY_PAIR_BYTES>() else {
            return Err(SecretError::KeyPairLength { actual: pair.len() });
        };
        match SigningKey::from_keypair_bytes(pair) {
            Ok(key) => Ok(Self(Kind::Ed25519(Box::new(key)))),
            Err(_) => Err(SecretError::KeyPairMismatch),
        }
    }

    /// Makes a new HMAC secret of 24 random bytes.
    #[must_use]
    pub fn generate() -> Self {
        Self(Kind::Hmac(
            rand::random::<[u8; GENERATED_KEY_BYTES]>().to_vec(),
        ))
    }

    /// Makes a new ed25519 key pair.
    #[must_use]
    pub fn generate_key_pair() -> Self {
        let private: [u8; ed25519_dalek::SECRET_KEY_LENGTH] = rand::random();
        Self(Kind::Ed25519(Box::new(SigningKey::from_bytes(&private))))
    }

    /// The whole secret as text. Read back by [`Self::parse`]; never to be logged.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.0 {
            Kind::Hmac(key) => prefixed(HMAC_PREFIX, key),
            Kind::Ed25519(key) => prefixed(KEY_PAIR_PREFIX, &key.to_keypair_bytes()),
        }
    }

    /// The public half, `whpk_…`; `None` for HMAC, which has none.
    #[must_use]
    pub fn public_text(&self) -> Option<String> {
        match &self.0 {
            Kind::Hmac(_) => None,
            Kind::Ed25519(key) => Some(prefixed(PUBLIC_KEY_PREFIX, key.verifying_key().as_bytes())),
        }
    }

    /// What the endpoint's owner needs to verify deliveries: the secret itself for HMAC, the
    /// public half for ed25519, whose private half never leaves the server.
    #[must_use]
    pub fn verification_text(&self) -> String {
        self.public_text().unwrap_or_else(|| self.to_text())
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Hmac(_) => "Hmac",
            Kind::Ed25519(_) => "Ed25519",
        };
        write!(f, "SigningSecret::{kind}([REDACTED])")
    }
}

impl PartialEq for SigningSecret {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Hmac(a), Kind::Hmac(b)) => a.ct_eq(b).into(),
            (Kind::Ed25519(a), Kind::Ed25519(b)) => a.ct_eq(b).into(),
            (Kind::Hmac(_), Kind::Ed25519(_)) | (Kind::Ed25519(_), Kind::Hmac(_)) => false,
        }
    }
}

impl Eq for SigningSecret {}

pub(crate) fn decode(encoded: &str) -> Result<Vec<u8>, SecretError> {
    match base64_text::decode(encoded) {
        Ok(bytes) => Ok(bytes),
        // The cause would name an offset and a byte of the secret.
        Err(_) => Err(SecretError::Base64),
    }
}

fn prefixed(prefix: &str, bytes: &[u8]) -> String {
    let mut text = prefix.to_owned();
    base64_text::encode_onto(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use super::*;

    const KEY_PAIR: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

    fn hmac_text(bytes: usize) -> String {
        prefixed(HMAC_PREFIX, &vec![7; bytes])
    }

    #[test]
    fn texts_that_are_not_secrets_say_why() {
        let cases = [
            (String::new(), SecretError::Prefix),
            (
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
                SecretError::Prefix,
            ),
            (
                "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
                SecretError::Prefix,
            ),
            (KEY_PAIR.replace("whsk_", "whpk_"), SecretError::Prefix),
            ("whsec_".to_owned(), SecretError::HmacLength { actual: 0 }),
            (hmac_text(23), SecretError::HmacLength { actual: 23 }),
            (hmac_text(76), SecretError::HmacLength { actual: 76 }),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!".to_owned(),
                SecretError::Base64,
            ),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ".to_owned(),
                SecretError::Base64,
            ),
            (
                prefixed(KEY_PAIR_PREFIX, &[1; 63]),
                SecretError::KeyPairLength { actual: 63 },
            ),
            (
                prefixed(KEY_PAIR_PREFIX, &[1; 65]),
                SecretError::KeyPairLength { actual: 65 },
            ),
            (
                prefixed(KEY_PAIR_PREFIX, &[1; 64]),
                SecretError::KeyPairMismatch,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(SigningSecret::parse(&text), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_shortest_and_the_longest_key_are_accepted() {
        for bytes in [24, 32, 64, 75] {
            assert!(SigningSecret::parse(&hmac_text(bytes)).is_ok(), "{bytes}");
        }
    }

    #[test]
    fn missing_padding_is_accepted_and_written_back() {
        let padded = hmac_text(25);
        assert!(padded.ends_with("=="));
        let secret = SigningSecret::parse(padded.trim_end_matches('=')).unwrap();
        assert_eq!(secret.to_text(), padded);
    }

    #[test]
    fn a_key_pair_shows_only_its_public_half() {
        let secret = SigningSecret::parse(KEY_PAIR).unwrap();
        let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
        assert_eq!(secret.public_text().as_deref(), Some(public));
        assert_eq!(secret.verification_text(), public);
        assert_eq!(secret.to_text(), KEY_PAIR);
    }

    #[test]
    fn debug_shows_no_key() {
        let hmac = SigningSecret::parse(&hmac_text(24)).unwrap();
        assert_eq!(format!("{hmac:?}"), "SigningSecret::Hmac([REDACTED])");
        let pair = SigningSecret::parse(KEY_PAIR).unwrap();
        assert_eq!(format!("{pair:#?}"), "SigningSecret::Ed25519([REDACTED])");
    }

    #[test]
    fn generated_secrets_differ_and_read_back() {
        for make in [SigningSecret::generate, SigningSecret::generate_key_pair] {
            let (one, other) = (make(), make());
            assert_ne!(one, other);
            assert_eq!(SigningSecret::parse(&one.to_text()), Ok(one));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_key_survives_its_text(key in proptest::collection::vec(any::<u8>(), 24..=75)) {
            let secret = SigningSecret::from_hmac_key(key).unwrap();
            prop_assert_eq!(SigningSecret::parse(&secret.to_text()), Ok(secret));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(whsec_|whsk_|)\\PC{0,120}") {
            drop(SigningSecret::parse(&text));
        }
    }
}
