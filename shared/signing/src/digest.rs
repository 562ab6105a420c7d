//! SHA-256 of requests and of stored credentials.
//!
//! The digest of a request tells a repeated request from another one with the same idempotency
//! key. It is not a signature: nothing here is keyed.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Length of a digest in bytes.
pub const DIGEST_BYTES: usize = 32;

/// A SHA-256 digest. Compares in constant time; `Display` is lower-case hexadecimal.
#[derive(Clone, Copy)]
pub struct Sha256Digest([u8; DIGEST_BYTES]);

impl Sha256Digest {
    /// Hashes one byte string.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes several byte strings, each preceded by its length as 8 bytes, big-endian.
    /// So `["ab", "c"]` and `["a", "bc"]` differ, and so do `[]` and `[""]`.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Takes the bytes of a digest, for example from a database row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.to_string()
    }
}

/// SHA-256 of a byte string as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256Digest::of(bytes).to_hex()
}

/// The bytes of [`Sha256Digest::of_parts`].
#[must_use]
pub fn digest_parts(parts: &[&[u8]]) -> [u8; DIGEST_BYTES] {
    Sha256Digest::of_parts(parts).0
}

impl PartialEq for Sha256Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Sha256Digest {}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            for nibble in [byte >> 4, byte & 0xf] {
                f.write_char(
                    char::from_digit(u32::from(nibble), 16).expect("a nibble is a digit"),
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_matches_the_published_vectors() {
        // FIPS 180-4, examples of NIST's cryptographic standards page.
        assert_eq!(
            sha256_hex(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn moving_a_boundary_changes_the_digest() {
        let split: [&[&[u8]]; 5] = [&[b"ab", b"c"], &[b"a", b"bc"], &[b"abc"], &[], &[b""]];
        for (i, one) in split.iter().enumerate() {
            for other in &split[i + 1..] {
                assert_ne!(digest_parts(one), digest_parts(other));
            }
        }
    }

    #[test]
    fn parts_are_prefixed_with_their_length() {
        let expected = Sha256Digest::of(b"\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\x01c");
        assert_eq!(Sha256Digest::of_parts(&[b"ab", b"c"]), expected);
    }
}
