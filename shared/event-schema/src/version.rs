//! The schema version that every wire message carries as `v`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The version of a wire message's shape.
///
/// A new optional field does not raise it (readers ignore what they do not know).
/// A change that an old reader would misunderstand does; readers are then released first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemaVersion;

impl SchemaVersion {
    /// The version that this build writes, and the newest that it reads.
    pub const CURRENT: u16 = 1;
}

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(Self::CURRENT)
    }
}

impl<'de> Deserialize<'de> for SchemaVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = u16::deserialize(deserializer)?;
        if found == Self::CURRENT {
            Ok(Self)
        } else {
            Err(de::Error::custom(format_args!(
                "schema version {found} is unknown, this build reads version {}",
                Self::CURRENT
            )))
        }
    }
}
