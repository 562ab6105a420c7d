//! Partitions: how the work of all endpoints is divided among senders.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ApplicationId, EndpointId};

/// One of [`Partition::COUNT`] shares of all endpoints.
///
/// An endpoint's partition never changes, so everything known of an endpoint can live in the one
/// process that owns its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(u16);

impl Partition {
    /// How many partitions there are.
    ///
    /// Sixty-four let a fleet grow to some thirty senders before their shares become uneven, and
    /// cost one pull consumer each. Changing it needs an empty JOBS and WAITING.
    pub const COUNT: u16 = 64;

    /// Partition 0.
    pub const FIRST: Self = Self(0);

    /// The partition of an endpoint: FNV-1a (64 bits) of the id's bytes, modulo the count.
    ///
    /// *Source*: FNV-1a as in draft-eastlake-fnv; chosen because it is stable, tiny and even on
    /// short random texts.
    #[must_use]
    pub fn of(endpoint: &EndpointId) -> Self {
        let share = fnv1a(endpoint.as_str().as_bytes()) % u64::from(Self::COUNT);
        Self(u16::try_from(share).unwrap_or_default())
    }

    /// The partition whose owner shares out an application's rate, by the same hash.
    #[must_use]
    pub fn of_application(application: &ApplicationId) -> Self {
        let share = fnv1a(application.as_str().as_bytes()) % u64::from(Self::COUNT);
        Self(u16::try_from(share).unwrap_or_default())
    }

    /// All partitions, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The partition with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// Weighs a member for this partition: the member with the highest weight should own it
    /// (rendezvous hashing, so that a joining or leaving member moves only its own share).
    #[must_use]
    pub fn weight_of(self, member: &str) -> u64 {
        let mut bytes = member.as_bytes().to_vec();
        bytes.push(b'/');
        bytes.extend_from_slice(&self.0.to_be_bytes());
        mix(fnv1a(&bytes))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A hash of 32 bits that is the same for ever.
pub(crate) fn hash32(bytes: &[u8]) -> u32 {
    (mix(fnv1a(bytes)) >> 32) as u32
}

/// Spreads the low bits over the whole word (the finaliser of `SplitMix64`), since FNV's high bits
/// depend little on the last bytes.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn the_partition_of_an_endpoint_is_fixed_for_ever() {
        let at = |text: &str| Partition::of(&EndpointId::parse(text).unwrap()).number();
        assert_eq!(at("ep_2abcdefghijklmnopqrstuvwxyz"), 10);
        assert_eq!(at("ep_1"), 36);
    }

    #[test]
    fn endpoints_spread_evenly() {
        let mut counts = [0_u32; Partition::COUNT as usize];
        for n in 0..64_000_u64 {
            let mut random = [0; 15];
            random[..8].copy_from_slice(&mix(n).to_be_bytes());
            let at = Timestamp::from_unix_micros(1_700_000_000_000_000);
            let id = EndpointId::generate(at, random);
            counts[usize::from(Partition::of(&id).number())] += 1;
        }
        assert!(
            counts.iter().all(|&n| (800..1_200).contains(&n)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_leaving_member_moves_only_its_own_share() {
        let owner = |members: &[&str], p: Partition| {
            members
                .iter()
                .max_by_key(|m| p.weight_of(m))
                .unwrap()
                .to_string()
        };
        let mut shares = [0; 3];
        for p in Partition::all() {
            let before = owner(&["a", "b", "c"], p);
            let after = owner(&["a", "b"], p);
            assert!(before == "c" || before == after);
            shares[usize::from(before.as_bytes()[0] - b'a')] += 1;
        }
        assert!(shares.iter().all(|&n| n > 10), "{shares:?}");
    }
}
