//! Lanes of the waiting room, and the subjects that name them.

use std::fmt;
use std::time::Duration;

use crate::{AttemptNumber, EndpointId, Partition, Timestamp};

/// Why deliveries of an endpoint wait. Each lane is a FIFO that comes due in order: a delivery never
/// stands behind one that is due noticeably later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// `next`: the endpoint was busy.
    Next,
    /// `replay`: one of many that a person asked for, behind everything else.
    Replay,
    /// `a<n>-<milliseconds>`: until attempt n is due. The wait is part of the name, because types of
    /// events have schedules of their own, and schedules change.
    Attempt {
        /// The attempt to come.
        number: AttemptNumber,
        /// The schedule's wait before it, without jitter; `None` where an earlier build stored it.
        wait_ms: Option<u64>,
    },
    /// `t<k>`: until a moment that no schedule gave, rounded down to [`Lane::BUCKET`]s.
    At {
        /// Buckets since the Unix epoch.
        bucket: u64,
    },
}

/// The kinds of work in the waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// First attempts.
    First,
    /// Attempts after the first.
    Retry,
    /// What a person asked for in bulk.
    Replay,
}

impl Lane {
    /// Deliveries due within one of these share a lane, and may be so much late. Well below the
    /// minute before a deadline at which a last attempt is made.
    pub const BUCKET: Duration = Duration::from_secs(16);

    /// The lane of an attempt that follows after this wait.
    #[must_use]
    pub fn attempt(number: AttemptNumber, wait: Duration) -> Self {
        let wait_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self::Attempt { number, wait_ms }
    }

    /// The lane of an attempt that is due at a moment of its own.
    #[must_use]
    pub fn at(due: Timestamp) -> Self {
        let seconds = u64::try_from(due.as_unix_seconds()).unwrap_or_default();
        let bucket = seconds / Self::BUCKET.as_secs();
        Self::At { bucket }
    }

    /// What kind of work waits there.
    #[must_use]
    pub fn rank(self) -> Rank {
        match self {
            Self::Next => Rank::First,
            Self::Replay => Rank::Replay,
            Self::Attempt { .. } | Self::At { .. } => Rank::Retry,
        }
    }

    fn parse(token: &str) -> Option<Self> {
        match token {
            "next" => return Some(Self::Next),
            "replay" => return Some(Self::Replay),
            _ => {}
        }
        if let Some(bucket) = token.strip_prefix('t') {
            let bucket = bucket.parse().ok()?;
            return Some(Self::At { bucket });
        }
        let rest = token.strip_prefix('a')?;
        let (number, wait_ms) = match rest.split_once('-') {
            Some((number, wait)) => (number, Some(wait.parse().ok()?)),
            None => (rest, None),
        };
        let number: u16 = number.parse().ok()?;
        let attempt = (number > 0).then(|| AttemptNumber::new(number));
        attempt.map(|number| Self::Attempt { number, wait_ms })
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next => f.write_str("next"),
            Self::Replay => f.write_str("replay"),
            Self::Attempt {
                number,
                wait_ms: None,
            } => write!(f, "a{number}"),
            Self::Attempt {
                number,
                wait_ms: Some(wait),
            } => write!(f, "a{number}-{wait}"),
            Self::At { bucket } => write!(f, "t{bucket}"),
        }
    }
}

/// `waiting.<lane>.<p>.<endpoint>`: one FIFO of the waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WaitingSubject {
    /// Why it waits.
    pub lane: Lane,
    /// Who will receive it.
    pub endpoint: EndpointId,
}

impl WaitingSubject {
    /// Reads a subject of WAITING; `None` for one that this build does not know.
    #[must_use]
    pub fn parse(subject: &str) -> Option<Self> {
        let mut parts = subject.strip_prefix("waiting.")?.split('.');
        let lane = Lane::parse(parts.next()?)?;
        let _partition = parts.next()?;
        let endpoint = EndpointId::parse(parts.next()?).ok()?;
        parts.next().is_none().then_some(Self { lane, endpoint })
    }

    /// `waiting.*.<p>.>`: all lanes of a partition.
    #[must_use]
    pub fn filter_of(partition: Partition) -> String {
        format!("waiting.*.{partition}.>")
    }
}

impl fmt::Display for WaitingSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "waiting.{}.{}.{}",
            self.lane,
            Partition::of(&self.endpoint),
            self.endpoint
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_come_back_from_their_subjects() {
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let number = AttemptNumber::new(12);
        let lanes = [
            Lane::Next,
            Lane::Replay,
            Lane::attempt(number, Duration::from_millis(250)),
            Lane::Attempt {
                number,
                wait_ms: None,
            },
            Lane::at(Timestamp::from_unix_micros(1_800_000_000_000_000)),
        ];
        for lane in lanes {
            let subject = WaitingSubject {
                lane,
                endpoint: endpoint.clone(),
            };
            assert_eq!(WaitingSubject::parse(&subject.to_string()), Some(subject));
        }
        for stranger in [
            "waiting.a0.60.ep_1",
            "waiting.a2-.60.ep_1",
            "waiting.a2-x.60.ep_1",
            "waiting.t.60.ep_1",
            "waiting.x.60.ep_1",
            "waiting.next.60",
            "jobs.1.ep_1",
        ] {
            assert_eq!(WaitingSubject::parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn moments_share_a_lane_only_when_they_are_close() {
        let at = |seconds: i64| Lane::at(Timestamp::from_unix_micros(seconds * 1_000_000));
        assert_eq!(at(160), at(175));
        assert_ne!(at(175), at(176));
    }
}
