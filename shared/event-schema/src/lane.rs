//! Lanes of the waiting room, and the subjects that name them.

use std::fmt;
use std::time::Duration;

use crate::{AttemptNumber, EndpointId, OrderingLine, Partition, Timestamp};

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
    /// `k<hash>`: behind others with the same ordering key, or `k<hash>-<n>`: until attempt n is due.
    /// The first one of a line alone is attempted, so no more than one stands in the latter.
    InLine {
        /// Of which key.
        line: OrderingLine,
        /// The attempt to come; `None` = the first.
        retry: Option<AttemptNumber>,
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

impl Rank {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::First, Self::Retry, Self::Replay];
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
            Self::Next | Self::InLine { retry: None, .. } => Rank::First,
            Self::Replay => Rank::Replay,
            Self::Attempt { .. } | Self::At { .. } | Self::InLine { .. } => Rank::Retry,
        }
    }

    /// The line that holds its deliveries in order.
    #[must_use]
    pub fn line(self) -> Option<OrderingLine> {
        match self {
            Self::InLine { line, .. } => Some(line),
            _ => None,
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
        if token.starts_with('k') {
            let (line, retry) = match token.split_once('-') {
                Some((line, number)) => (line, Some(attempt_number(number)?)),
                None => (token, None),
            };
            let line = OrderingLine::parse(line)?;
            return Some(Self::InLine { line, retry });
        }
        let rest = token.strip_prefix('a')?;
        let (number, wait_ms) = match rest.split_once('-') {
            Some((number, wait)) => (number, Some(wait.parse().ok()?)),
            None => (rest, None),
        };
        let number = attempt_number(number)?;
        Some(Self::Attempt { number, wait_ms })
    }
}

fn attempt_number(text: &str) -> Option<AttemptNumber> {
    let number: u16 = text.parse().ok()?;
    (number > 0).then(|| AttemptNumber::new(number))
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
            Self::InLine { line, retry: None } => line.fmt(f),
            Self::InLine {
                line,
                retry: Some(number),
            } => write!(f, "{line}-{number}"),
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
        let line = OrderingLine::parse("k0123abcd").unwrap();
        let lanes = [
            Lane::Next,
            Lane::Replay,
            Lane::attempt(number, Duration::from_millis(250)),
            Lane::Attempt {
                number,
                wait_ms: None,
            },
            Lane::at(Timestamp::from_unix_micros(1_800_000_000_000_000)),
            Lane::InLine { line, retry: None },
            Lane::InLine {
                line,
                retry: Some(number),
            },
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
            "waiting.k0123abcd-0.60.ep_1",
            "waiting.k0123.60.ep_1",
            "waiting.x.60.ep_1",
            "waiting.next.60",
            "jobs_1.1.ep_1",
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
