//! The contract of the fleet: every message that travels between Posthorn's processes.
//!
//! The services meet only at streams, so this crate is the one thing they all share: typed ids,
//! the events, jobs and outcomes that the streams carry, the subjects they travel on, and the
//! configuration snapshot that the hot path reads.
//! It has no I/O, no clock and no randomness: whoever makes an id or a time passes it in.
//!
//! Three rules hold everywhere:
//!
//! - Each wire message carries a schema version `v`; a reader refuses a version that it does not
//!   know, and ignores fields that it does not know ([`SchemaVersion`]).
//! - Body bytes are never re-serialised after acceptance: a frame is one line of JSON metadata
//!   followed by the untouched body ([`frame`]).
//! - Old messages still parse: `golden_tests` reads the files in `tests/fixtures/wire`.

pub mod attempt;
pub mod attempt_headers;
pub mod batch;
pub mod detail;
pub mod endpoint_access;
pub mod event;
pub mod event_object;
pub mod event_type;
mod fields;
mod fnv;
pub mod frame;
#[cfg(test)]
mod golden_tests;
pub mod id;
pub mod job;
pub mod json_depth;
pub mod ksuid;
mod lane;
pub mod left_out;
pub mod ordering_key;
pub mod outcome;
pub mod outcome_lines;
pub mod partition;
pub mod rejection;
pub mod shard;
pub mod slots;
pub mod snapshot;
pub mod subject;
mod text;
pub mod timestamp;
mod version;
pub mod wish;

pub use attempt::{AttemptNumber, AttemptRecord, FailureClass, Progress, Response, Trigger};
pub use attempt_headers::{AttemptHeaders, HeadersText};
pub use batch::TraceHeaders;
pub use endpoint_access::{ClientCertificate, OAuthClient, OAuthMethod, OAuthSettings};
pub use event::{Event, EventMeta};
pub use event_object::{EventObject, NativeEvent, NativeEventError};
pub use event_type::{Channel, EventType, NameError};
pub use frame::FrameError;
pub use id::{
    ApiKeyId, ApplicationId, ApplicationRef, AttemptId, DeliveryId, EndpointId, EventId, IdError,
    InboxId, OrganizationId, ProducerKey, RejectionId, RunId, TaskId, Uid,
};
pub use job::{DeliveryJob, JobMeta};
pub use left_out::{LeftOut, RosterId};
pub use ordering_key::{OrderingKey, OrderingLine};
pub use outcome::{
    CancelReason, DeliveryCancelled, EndpointVerdict, FanoutVerdict, Mismatch, Outcome, Verdict,
};
pub use partition::Partition;
pub use rejection::{Door, Rejection, RejectionMeta};
pub use shard::Shard;
pub use snapshot::{
    ApplicationSnapshot, EndpointSnapshot, EventTypeSnapshot, SealedSecret, SnapshotKey,
};
pub use timestamp::Timestamp;
pub use version::SchemaVersion;
pub use wish::{ReceiverWish, Wish};
