//! The keys that seal secrets at rest, as an operator configures them.
//!
//! Text form: `id:key[,id:key…]`, for example `2:<base64>,1:<base64>`.
//! An id is a number from 0 to 4294967295, a key is the base64 of 32 random bytes.
//! The first entry is active and seals; the others only open what they sealed, until everything
//! has been sealed again and they can be removed. An id must never be given to another key.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit};

use crate::base64_text;

/// Length of a sealing key in bytes.
pub const SEALING_KEY_BYTES: usize = 32;
/// Most keys in a ring. A rotation needs two.
pub const MAX_KEYS: usize = 16;
/// Id of the key of a ring that we make.
const FIRST_KEY_ID: u32 = 1;

/// Why a text is not a key ring. Names entries by their position, never by their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Nothing at all.
    #[error("has no key; the expected form is `id:base64key[,id:base64key…]`")]
    Empty,
    /// More than [`MAX_KEYS`] entries.
    #[error("has {0} keys; at most {MAX_KEYS} are allowed")]
    TooMany(usize),
    /// An entry without a colon.
    #[error("entry {position} is not of the form `id:base64key`")]
    Form {
        /// Counted from 1.
        position: usize,
    },
    /// An id that is not a number of 32 bits.
    #[error(
        "entry {position} has an id that is not a number from 0 to {}",
        u32::MAX
    )]
    Id {
        /// Counted from 1.
        position: usize,
    },
    /// A key that is not base64.
    #[error("entry {position} has a key that is not valid base64")]
    Base64 {
        /// Counted from 1.
        position: usize,
    },
    /// A key of another length.
    #[error("entry {position} has a key of {actual} bytes instead of {SEALING_KEY_BYTES}")]
    Length {
        /// Counted from 1.
        position: usize,
        /// Decoded length in bytes.
        actual: usize,
    },
    /// Two entries with one id.
    #[error("has the id {0} more than once")]
    DuplicateId(u32),
}

/// Keys to seal and open with. Never empty. `Debug` shows only the ids.
#[derive(Clone)]
pub struct KeyRing(Vec<SealingKey>);

#[derive(Clone)]
pub(crate) struct SealingKey {
    pub(crate) id: u32,
    /// The expanded key; boxed, because its round keys take about a kilobyte.
    pub(crate) cipher: Box<Aes256Gcm>,
}

impl KeyRing {
    /// Reads the text form. Spaces around entries are ignored, so a value may span lines.
    ///
    /// # Errors
    /// Names the first entry that is wrong, and how.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        if text.trim().is_empty() {
            return Err(KeyRingError::Empty);
        }
        let entries: Vec<&str> = text.split(',').collect();
        if entries.len() > MAX_KEYS {
            return Err(KeyRingError::TooMany(entries.len()));
        }
        let mut keys: Vec<SealingKey> = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            let key = parse_entry(entry.trim(), index + 1)?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyRingError::DuplicateId(key.id));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// The text of a new ring with one random key. Never to be logged.
    #[must_use]
    pub fn generate_text() -> String {
        let key: [u8; SEALING_KEY_BYTES] = rand::random();
        format!("{FIRST_KEY_ID}:{}", base64_text::encode(&key))
    }

    /// Id of the key that seals.
    #[must_use]
    pub fn active_key_id(&self) -> u32 {
        self.active().id
    }

    /// Whether the ring can open what a key of this id sealed. To be asked for every id found in
    /// stored data before a process turns ready.
    #[must_use]
    pub fn contains(&self, key_id: u32) -> bool {
        self.find(key_id).is_some()
    }

    pub(crate) fn active(&self) -> &SealingKey {
        self.0.first().expect("a ring is never empty")
    }

    pub(crate) fn find(&self, key_id: u32) -> Option<&SealingKey> {
        self.0.iter().find(|key| key.id == key_id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u32> = self.0.iter().map(|key| key.id).collect();
        write!(f, "KeyRing({ids:?}, [REDACTED])")
    }
}

fn parse_entry(entry: &str, position: usize) -> Result<SealingKey, KeyRingError> {
    let Some((id, encoded)) = entry.split_once(':') else {
        return Err(KeyRingError::Form { position });
    };
    // `parse` alone would accept a leading `+`.
    let id = Some(id)
        .filter(|id| id.bytes().all(|c| c.is_ascii_digit()))
        .and_then(|id| id.parse().ok())
        .ok_or(KeyRingError::Id { position })?;
    let key = base64_text::decode(encoded)
        .ok()
        .ok_or(KeyRingError::Base64 { position })?;
    let key: &[u8; SEALING_KEY_BYTES] =
        key.as_slice().try_into().ok().ok_or(KeyRingError::Length {
            position,
            actual: key.len(),
        })?;
    Ok(SealingKey {
        id,
        cipher: Box::new(Aes256Gcm::new(key.into())),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    fn entry(id: &str, bytes: usize) -> String {
        format!("{id}:{}", base64_text::encode(&vec![9; bytes]))
    }

    #[test]
    fn the_first_entry_is_active_and_all_are_known() {
        let text = format!("{} ,\n {}", entry("7", 32), entry("4294967295", 32));
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(ring.active_key_id(), 7);
        assert!(ring.contains(7) && ring.contains(u32::MAX) && !ring.contains(8));
    }

    #[test]
    fn mistakes_name_their_entry() {
        let good = entry("1", 32);
        let many = (0..17).map(|id| entry(&id.to_string(), 32));
        let cases = [
            (String::new(), KeyRingError::Empty),
            (" \n".to_owned(), KeyRingError::Empty),
            (
                many.collect::<Vec<_>>().join(","),
                KeyRingError::TooMany(17),
            ),
            ("secret".to_owned(), KeyRingError::Form { position: 1 }),
            (format!("{good},"), KeyRingError::Form { position: 2 }),
            (entry("", 32), KeyRingError::Id { position: 1 }),
            (entry("+1", 32), KeyRingError::Id { position: 1 }),
            (
                format!("{good},{}", entry("4294967296", 32)),
                KeyRingError::Id { position: 2 },
            ),
            ("1:*".to_owned(), KeyRingError::Base64 { position: 1 }),
            (
                entry("1", 31),
                KeyRingError::Length {
                    position: 1,
                    actual: 31,
                },
            ),
            (
                "1:".to_owned(),
                KeyRingError::Length {
                    position: 1,
                    actual: 0,
                },
            ),
            (
                format!("{good},{}", entry("01", 32)),
                KeyRingError::DuplicateId(1),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(KeyRing::parse(&text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_generated_ring_reads_back_and_shows_no_key() {
        let ring = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        assert_eq!(format!("{ring:?}"), "KeyRing([1], [REDACTED])");
        assert_ne!(KeyRing::generate_text(), KeyRing::generate_text());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9:,+ a-zA-Z=]{0,100}") {
            drop(KeyRing::parse(&text));
        }
    }
}
