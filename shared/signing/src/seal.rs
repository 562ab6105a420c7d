//! Secrets encrypted before they reach a database row or the configuration snapshot.
//!
//! Layout: `version (1) | key id (4, big-endian) | nonce (12) | ciphertext and tag (16)`.
//! The cipher is AES-256-GCM with a random nonce: with the 96-bit nonce a key may seal 2^32 values
//! (NIST SP 800-38D §8.3), and a value is sealed only when a person changes a secret.
//! It runs on the processor's AES instructions, and it is approved where only NIST's ciphers are.
//!
//! A sealed value is bound to its place by [`SealContext`], so whoever can write to the database
//! cannot move a secret to another organization, endpoint or column. The header is bound as well.

use aes_gcm::aead::{Aead, Payload};

use crate::key_ring::KeyRing;

/// The only layout so far.
const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 4;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// Bytes that sealing adds to a plaintext.
pub const OVERHEAD_BYTES: usize = HEADER_LEN + NONCE_LEN + TAG_LEN;
/// Separates this use of a key from any later one.
const DOMAIN: &[u8] = b"posthorn sealed value";

/// Where a sealed value lives. It opens only with the same three texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// The organization's id.
    pub organization: &'a str,
    /// Id of the object that owns the value, for example an endpoint's.
    pub owner: &'a str,
    /// What the value is, for example `endpoint.secret`.
    pub column: &'a str,
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Shorter than the sealed form of an empty text.
    #[error("is {len} bytes long, and a sealed value has at least {OVERHEAD_BYTES}")]
    Truncated {
        /// Length found, in bytes.
        len: usize,
    },
    /// Sealed by a later release, or not a sealed value at all.
    #[error("has layout version {0}, which this release does not know")]
    UnknownVersion(u8),
    /// Sealed with a key that is no longer, or not yet, in the ring.
    #[error("was sealed with key {0}, which is not in the key ring")]
    UnknownKey(u32),
    /// Changed, moved from another place, or sealed with another key of the same id.
    #[error("was changed, or belongs to another place, or another key has its key id")]
    Tampered,
}

impl KeyRing {
    /// Encrypts a value for its place with the active key.
    ///
    /// # Panics
    /// If the plaintext has more than 2^36 − 32 bytes, the limit of the cipher.
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], context: &SealContext<'_>) -> Vec<u8> {
        let key = self.active();
        let header = header(key.id);
        let nonce: [u8; NONCE_LEN] = rand::random();
        let payload = Payload {
            msg: plaintext,
            aad: &associated_data(&header, context),
        };
        let ciphertext = key
            .cipher
            .encrypt((&nonce).into(), payload)
            .expect("a plaintext within the cipher's limit can be encrypted");
        [header.as_slice(), nonce.as_slice(), ciphertext.as_slice()].concat()
    }

    /// Decrypts a value of that place.
    ///
    /// # Errors
    /// Any input that [`Self::seal`] did not make for this context and ring; see [`OpenError`].
    pub fn open(&self, sealed: &[u8], context: &SealContext<'_>) -> Result<Vec<u8>, OpenError> {
        let key_id = sealed_key_id(sealed)?;
        let key = self.find(key_id).ok_or(OpenError::UnknownKey(key_id))?;
        let (header, rest) = sealed.split_at(HEADER_LEN);
        let Some((nonce, ciphertext)) = rest.split_first_chunk::<NONCE_LEN>() else {
            return Err(OpenError::Truncated { len: sealed.len() });
        };
        let payload = Payload {
            msg: ciphertext,
            aad: &associated_data(header, context),
        };
        key.cipher
            .decrypt(nonce.into(), payload)
            .ok()
            .ok_or(OpenError::Tampered)
    }

    /// Whether a sealed value should be sealed again, because its key is not the active one.
    ///
    /// # Errors
    /// As [`sealed_key_id`].
    pub fn needs_resealing(&self, sealed: &[u8]) -> Result<bool, OpenError> {
        Ok(sealed_key_id(sealed)? != self.active_key_id())
    }
}

/// Id of the key that sealed a value; nothing is decrypted and nothing authenticated.
///
/// # Errors
/// [`OpenError::Truncated`] or [`OpenError::UnknownVersion`].
pub fn sealed_key_id(sealed: &[u8]) -> Result<u32, OpenError> {
    if sealed.len() < OVERHEAD_BYTES {
        return Err(OpenError::Truncated { len: sealed.len() });
    }
    match sealed {
        [VERSION, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        [version, ..] => Err(OpenError::UnknownVersion(*version)),
        [] => Err(OpenError::Truncated { len: 0 }),
    }
}

fn header(key_id: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = key_id.to_be_bytes();
    [VERSION, a, b, c, d]
}

/// Each part is preceded by its length, so no two contexts give the same bytes.
fn associated_data(header: &[u8], context: &SealContext<'_>) -> Vec<u8> {
    let mut data = Vec::new();
    let parts = [context.organization, context.owner, context.column].map(str::as_bytes);
    for part in [DOMAIN, header].into_iter().chain(parts) {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const PLACE: SealContext<'static> = SealContext {
        organization: "org_1",
        owner: "ep_1",
        column: "endpoint.secret",
    };

    fn ring() -> KeyRing {
        KeyRing::parse(&KeyRing::generate_text()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_place() {
        let ring = ring();
        let sealed = ring.seal(b"whsec_x", &PLACE);
        assert_eq!(sealed.len(), b"whsec_x".len() + OVERHEAD_BYTES);
        assert_eq!(ring.open(&sealed, &PLACE), Ok(b"whsec_x".to_vec()));
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let ring = ring();
        assert_ne!(ring.seal(b"x", &PLACE), ring.seal(b"x", &PLACE));
    }

    #[test]
    fn a_value_moved_to_another_place_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(b"x", &PLACE);
        let others = [
            SealContext {
                organization: "org_2",
                ..PLACE
            },
            SealContext {
                owner: "ep_2",
                ..PLACE
            },
            SealContext {
                column: "endpoint.headers",
                ..PLACE
            },
            SealContext {
                organization: "ep_1",
                owner: "org_1",
                ..PLACE
            },
            SealContext {
                organization: "org_1e",
                owner: "p_1",
                ..PLACE
            },
        ];
        for other in others {
            assert_eq!(
                ring.open(&sealed, &other),
                Err(OpenError::Tampered),
                "{other:?}"
            );
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let ring = ring();
        let sealed = ring.seal(b"0123456789", &PLACE);
        for len in 0..sealed.len() {
            let expected = if len < OVERHEAD_BYTES {
                OpenError::Truncated { len }
            } else {
                OpenError::Tampered
            };
            assert_eq!(ring.open(&sealed[..len], &PLACE), Err(expected), "{len}");
        }
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let ring = ring();
        let sealed = ring.seal(b"0123456789", &PLACE);
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[position] ^= 1 << bit;
                let result = ring.open(&changed, &PLACE);
                match position {
                    0 => assert!(matches!(result, Err(OpenError::UnknownVersion(_)))),
                    1..=4 => assert!(matches!(result, Err(OpenError::UnknownKey(_)))),
                    _ => assert_eq!(result, Err(OpenError::Tampered)),
                }
            }
        }
    }

    #[test]
    fn old_keys_open_until_they_leave_the_ring() {
        let old = KeyRing::generate_text();
        let new = KeyRing::generate_text().replacen("1:", "2:", 1);
        let sealed = KeyRing::parse(&old).unwrap().seal(b"x", &PLACE);

        let both = KeyRing::parse(&format!("{new},{old}")).unwrap();
        assert_eq!(both.open(&sealed, &PLACE), Ok(b"x".to_vec()));
        assert_eq!(both.needs_resealing(&sealed), Ok(true));
        assert_eq!(both.needs_resealing(&both.seal(b"x", &PLACE)), Ok(false));

        let without = KeyRing::parse(&new).unwrap();
        assert_eq!(without.open(&sealed, &PLACE), Err(OpenError::UnknownKey(1)));
    }

    #[test]
    fn another_key_of_the_same_id_does_not_open() {
        let sealed = ring().seal(b"x", &PLACE);
        assert_eq!(ring().open(&sealed, &PLACE), Err(OpenError::Tampered));
    }

    #[test]
    fn errors_name_the_missing_key() {
        assert_eq!(
            OpenError::UnknownKey(7).to_string(),
            "was sealed with key 7, which is not in the key ring"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_value_survives_sealing(
            plaintext in proptest::collection::vec(any::<u8>(), 0..300),
            organization in "\\PC{0,20}",
            owner in "\\PC{0,20}",
            column in "\\PC{0,20}",
        ) {
            let ring = ring();
            let place = SealContext { organization: &organization, owner: &owner, column: &column };
            prop_assert_eq!(ring.open(&ring.seal(&plaintext, &place), &place), Ok(plaintext));
        }

        #[test]
        fn no_input_opens_or_panics(
            mut sealed in proptest::collection::vec(any::<u8>(), 0..80),
            with_header in any::<bool>(),
        ) {
            if with_header && sealed.len() >= HEADER_LEN {
                sealed[..HEADER_LEN].copy_from_slice(&header(1));
            }
            prop_assert!(ring().open(&sealed, &PLACE).is_err());
        }
    }
}
