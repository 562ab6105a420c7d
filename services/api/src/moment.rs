//! The clock and the dice of this service, in one place.

use posthorn_event_schema::Timestamp;
use posthorn_event_schema::ksuid::RANDOM_LEN;
use time::OffsetDateTime;

/// Now, in the whole microseconds that PostgreSQL keeps.
#[must_use]
pub fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}

/// The random part of an id.
#[must_use]
pub fn dice() -> [u8; RANDOM_LEN] {
    rand::random()
}
