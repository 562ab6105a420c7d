//! Which service makes which streams, buckets and consumers, and which of others it needs.
//!
//! Each has one maker, which creates it and brings it up to date; nobody else has the right to, see
//! `deploy/nats-accounts.conf`. Streams belong to their first reader, buckets to their writer:
//!
//! | Made by | Streams and buckets | Consumers |
//! | --- | --- | --- |
//! | ingest | INBOX, `idempotency` (four) | ingest |
//! | fanout | EVENTS, SCHEDULED | fanout of both |
//! | sender | JOBS (four), WAITING, `senders` | a sender for each partition |
//! | recorder | OUTCOMES | recorder of EVENTS and of OUTCOMES |
//! | api | `config`, REJECTED | – |

use std::fmt;

use async_nats::jetstream::stream::Config;

use crate::BusConfig;
use crate::topology::{Bucket, Reader, Stream};

/// A service. One process may have several roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Accepts events.
    Ingest,
    /// Finds out who receives them.
    Fanout,
    /// Delivers.
    Sender,
    /// Writes history.
    Recorder,
    /// Serves the REST API, and writes the configuration.
    Api,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Ingest,
        Self::Fanout,
        Self::Sender,
        Self::Recorder,
        Self::Api,
    ];

    /// The service's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Fanout => "fanout",
            Self::Sender => "sender",
            Self::Recorder => "recorder",
            Self::Api => "api",
        }
    }

    /// What it publishes to, reads or watches, and others make.
    fn needs(self, asset: Asset) -> bool {
        use Stream::{Events, Jobs, Outcomes, Rejected};
        match asset {
            Asset::Stream(stream) => match self {
                Self::Ingest | Self::Recorder => matches!(stream, Events | Rejected),
                Self::Fanout => matches!(stream, Jobs(_) | Outcomes | Rejected),
                Self::Sender => matches!(stream, Outcomes | Rejected),
                Self::Api => matches!(stream, Events | Jobs(_)),
            },
            Asset::Bucket(bucket) => match self {
                Self::Ingest | Self::Fanout | Self::Sender => bucket == Bucket::Config,
                Self::Recorder => false,
                Self::Api => matches!(bucket, Bucket::Idempotency(_)),
            },
        }
    }

    /// The consumers without which it may not begin.
    ///
    /// EVENTS keeps an event for those consumers that it has when the event comes, and for no later
    /// one. So whoever accepts events waits until both are there. It does not make them: who may make
    /// a consumer may also make it pass over events.
    fn needs_readers(self) -> &'static [Reader] {
        match self {
            Self::Ingest | Self::Api => &[Reader::Fanout, Reader::RecorderEvents],
            Self::Fanout | Self::Sender | Self::Recorder => &[],
        }
    }
}

/// What JetStream stores messages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asset {
    Stream(Stream),
    Bucket(Bucket),
}

impl Asset {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let buckets = Bucket::ALL.into_iter().map(Self::Bucket);
        Stream::ALL.into_iter().map(Self::Stream).chain(buckets)
    }

    pub(crate) fn maker(self) -> Role {
        match self {
            Self::Stream(stream) => stream.maker(),
            Self::Bucket(bucket) => bucket.maker(),
        }
    }

    pub(crate) fn stream_name(self) -> String {
        match self {
            Self::Stream(stream) => stream.name().to_owned(),
            Self::Bucket(bucket) => bucket.stream_name(),
        }
    }

    pub(crate) fn config(self, bus: &BusConfig) -> Config {
        match self {
            Self::Stream(stream) => stream.config(bus),
            Self::Bucket(bucket) => bucket.config(bus),
        }
    }

    /// What these roles need and none of them makes.
    pub(crate) fn needed_by(roles: &[Role]) -> impl Iterator<Item = Self> + use<'_> {
        Self::all().filter(|asset| {
            let needed = roles.iter().any(|role| role.needs(*asset));
            needed && !roles.contains(&asset.maker())
        })
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(stream) => write!(f, "stream {}", stream.name()),
            Self::Bucket(bucket) => write!(f, "bucket {}", bucket.name()),
        }
    }
}

impl Stream {
    /// Which service makes it.
    #[must_use]
    pub fn maker(self) -> Role {
        match self {
            Self::Inbox => Role::Ingest,
            Self::Events | Self::Scheduled => Role::Fanout,
            Self::Jobs(_) | Self::Waiting => Role::Sender,
            Self::Outcomes => Role::Recorder,
            Self::Rejected => Role::Api,
        }
    }
}

impl Bucket {
    /// Which service makes it.
    #[must_use]
    pub fn maker(self) -> Role {
        match self {
            Self::Config => Role::Api,
            Self::Idempotency(_) => Role::Ingest,
            Self::Senders => Role::Sender,
        }
    }
}

impl Reader {
    /// Which service makes it, and reads it.
    #[must_use]
    pub fn maker(self) -> Role {
        match self {
            Self::Ingest => Role::Ingest,
            Self::Fanout | Self::FanoutScheduled => Role::Fanout,
            Self::RecorderEvents | Self::RecorderOutcomes => Role::Recorder,
            Self::Sender(_) => Role::Sender,
        }
    }

    /// Those without which these roles may not begin, and which none of them makes.
    pub(crate) fn needed_by(roles: &[Role]) -> impl Iterator<Item = Self> + use<'_> {
        Self::all().filter(|reader| {
            let needed = roles
                .iter()
                .any(|role| role.needs_readers().contains(reader));
            needed && !roles.contains(&reader.maker())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_with_all_roles_waits_for_nobody() {
        assert_eq!(Asset::needed_by(&Role::ALL).count(), 0);
        assert_eq!(Reader::needed_by(&Role::ALL).count(), 0);
    }

    #[test]
    fn whoever_accepts_events_waits_for_both_readers_of_events() {
        let both = [Reader::Fanout, Reader::RecorderEvents];
        for role in [Role::Ingest, Role::Api] {
            let roles = [role];
            assert!(Reader::needed_by(&roles).eq(both), "{role:?}");
            let events = Asset::Stream(Stream::Events);
            assert!(Asset::needed_by(&roles).any(|needed| needed == events));
        }
    }
}
