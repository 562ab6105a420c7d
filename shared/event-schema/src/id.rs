//! Typed ids, so that swapping an application and an endpoint does not compile.
//!
//! Generated ids have Svix's form: a prefix and a KSUID ([`crate::ksuid`]).
//! Every id that may reach a NATS subject is restricted to `A–Z a–z 0–9 _ -`, so no id can
//! contain a token separator or a wildcard.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ksuid::{self, RANDOM_LEN};
use crate::{Timestamp, text};

/// Longest id in bytes.
pub const MAX_ID_LEN: usize = 64;
/// Longest uid or producer key in bytes. *Source*: Svix's API, 1 to 256 characters.
pub const MAX_UID_LEN: usize = 256;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The id's kind demands another prefix.
    #[error("must begin with `{0}`")]
    Prefix(&'static str),
    /// Empty, or longer than allowed.
    #[error("must have 1 to {0} characters")]
    Length(usize),
    /// A character outside the allowed set.
    #[error("may contain only {0}")]
    Characters(&'static str),
    /// A uid that looks like an id.
    #[error("must not begin with `{0}`")]
    ReservedPrefix(&'static str),
}

const ID_CHARACTERS: &str = "letters, digits, `_` and `-`";
const UID_CHARACTERS: &str = "letters, digits, `_`, `-` and `.`";

fn check_id(text: &str, prefix: &'static str) -> Result<(), IdError> {
    if !text.starts_with(prefix) {
        return Err(IdError::Prefix(prefix));
    }
    if text.len() <= prefix.len() || text.len() > MAX_ID_LEN {
        return Err(IdError::Length(MAX_ID_LEN));
    }
    if !text
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
    {
        return Err(IdError::Characters(ID_CHARACTERS));
    }
    Ok(())
}

fn check_uid(text: &str) -> Result<(), IdError> {
    if text.is_empty() || text.len() > MAX_UID_LEN {
        return Err(IdError::Length(MAX_UID_LEN));
    }
    if !text
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
    {
        return Err(IdError::Characters(UID_CHARACTERS));
    }
    Ok(())
}

/// What every text newtype of this crate has: checked parsing, cheap clones, text on the wire.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads and checks a text.
            ///
            /// # Errors
            /// Says which rule the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::deserialize(deserializer, Self::parse)
            }
        }
    };
}

/// A [`text_type`] whose text is a prefix and a KSUID when Posthorn makes it.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        text_type!($(#[$doc])* $name, |text| check_id(text, $prefix));

        impl $name {
            /// What ids of this kind begin with.
            pub const PREFIX: &str = $prefix;

            /// Makes the id of a moment; 15 random bytes keep it unique.
            #[must_use]
            pub fn generate(at: Timestamp, random: [u8; RANDOM_LEN]) -> Self {
                Self(format!("{}{}", $prefix, ksuid::text(at, random)).into())
            }
        }
    };
}

id_type!(
    /// A customer of the deployment; owns applications. Not a row: any correctly signed token
    /// names one.
    OrganizationId, "org_"
);
id_type!(
    /// One customer's space: owns endpoints and events.
    ApplicationId, "app_"
);
id_type!(
    /// A URL that receives events.
    EndpointId, "ep_"
);
id_type!(
    /// One HTTP request of a delivery.
    AttemptId, "atmpt_"
);
id_type!(
    /// One delivery asked for by a person: tells a resend from the scheduled delivery.
    RunId, "run_"
);
id_type!(
    /// One refused input.
    RejectionId, "rej_"
);
id_type!(
    /// One piece of work that the API does in the background.
    TaskId, "qtask_"
);
id_type!(
    /// A key with which an organisation calls the API.
    ApiKeyId, "key_"
);
id_type!(
    /// A receiver for tests.
    InboxId, "inbox_"
);
text_type!(
    /// An event, unique within its application: `event_…` from the native doors, `msg_…` from the
    /// Svix-compatible one, or the id that the producer chose.
    ///
    /// It is the `svix-id` of each delivery, so it never contains a dot (the signed content is
    /// separated by dots).
    EventId, |text| check_id(text, "")
);
text_type!(
    /// A customer-chosen name of an application or endpoint, usable instead of its id.
    Uid, check_uid
);
text_type!(
    /// The producer's own key for an event (`eventId` in the public API), for idempotency.
    ProducerKey, check_uid
);

impl EventId {
    /// Makes the id of an event from a native door.
    #[must_use]
    pub fn generate_native(at: Timestamp, random: [u8; RANDOM_LEN]) -> Self {
        Self(format!("event_{}", ksuid::text(at, random)).into())
    }

    /// Makes the id of a message from the Svix-compatible door.
    #[must_use]
    pub fn generate_message(at: Timestamp, random: [u8; RANDOM_LEN]) -> Self {
        Self(format!("msg_{}", ksuid::text(at, random)).into())
    }

    /// When the id was made, for ids that Posthorn made; `None` for a producer's own.
    #[must_use]
    pub fn moment(&self) -> Option<Timestamp> {
        let text = self
            .0
            .strip_prefix("event_")
            .or_else(|| self.0.strip_prefix("msg_"))?;
        ksuid::moment(text)
    }
}

impl TaskId {
    /// Names the deliveries that the task asks for: doing a part of it twice names the same ones.
    ///
    /// # Panics
    /// Never: what follows the prefix has an id's characters, and `run_` is the shorter prefix.
    #[must_use]
    pub fn run(&self) -> RunId {
        let rest = self.0.strip_prefix(Self::PREFIX).unwrap_or(&self.0);
        RunId::parse(&format!("{}{rest}", RunId::PREFIX)).expect("a shorter prefix fits")
    }
}

impl Uid {
    /// Refuses a uid that begins with the prefix of the ids it stands beside.
    ///
    /// # Errors
    /// [`IdError::ReservedPrefix`] names the prefix; the other errors are those of `parse`.
    pub fn parse_beside(text: &str, prefix: &'static str) -> Result<Self, IdError> {
        if text.starts_with(prefix) {
            return Err(IdError::ReservedPrefix(prefix));
        }
        Self::parse(text)
    }
}

/// How a caller names an application: by id, or by uid within an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ApplicationRef {
    /// By its id, unique everywhere.
    Id(ApplicationId),
    /// By the customer's own name.
    Uid(Uid),
}

impl ApplicationRef {
    /// Reads either form: what begins with `app_` is an id.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.starts_with(ApplicationId::PREFIX) {
            ApplicationId::parse(text).map(Self::Id)
        } else {
            Uid::parse(text).map(Self::Uid)
        }
    }
}

impl fmt::Display for ApplicationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Uid(uid) => uid.fmt(f),
        }
    }
}

/// One event × one endpoint, from enqueue to final outcome: `<event>.<endpoint>`, and
/// `.<run>` for a delivery that a person asked for.
///
/// It is derived and not drawn, so that fanning out an event twice names the same deliveries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DeliveryId(Arc<str>);

impl DeliveryId {
    /// The delivery that fan-out makes.
    #[must_use]
    pub fn scheduled(event: &EventId, endpoint: &EndpointId) -> Self {
        Self(format!("{event}.{endpoint}").into())
    }

    /// A delivery that a person asked for.
    #[must_use]
    pub fn manual(event: &EventId, endpoint: &EndpointId, run: &RunId) -> Self {
        Self(format!("{event}.{endpoint}.{run}").into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for DeliveryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, |text| Ok::<_, Infallible>(Self(text.into())))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_have_the_published_form() {
        let at = Timestamp::from_unix_micros(1_700_000_000_000_000);
        let id = ApplicationId::generate(at, [7; RANDOM_LEN]);
        assert_eq!(id.as_str().len(), "app_".len() + ksuid::TEXT_LEN);
        assert_eq!(ApplicationId::parse(id.as_str()), Ok(id));
        assert_eq!(
            EventId::generate_native(at, [0; RANDOM_LEN]).moment(),
            Some(at)
        );
    }

    #[test]
    fn a_task_names_one_run() {
        let longest = TaskId::parse(&format!("qtask_{}", "a".repeat(MAX_ID_LEN - 6))).unwrap();
        assert_eq!(longest.run(), longest.run());
        let task = TaskId::parse("qtask_1").unwrap();
        assert_eq!(task.run().as_str(), "run_1");
    }

    #[test]
    fn no_id_can_carry_a_subject_separator_or_wildcard() {
        for text in [
            "app_a.b", "app_*", "app_>", "app_ ", "app_é", "app_\r\n", "app_",
        ] {
            assert!(ApplicationId::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(ApplicationId::parse("ep_1"), Err(IdError::Prefix("app_")));
        assert_eq!(
            EventId::parse("a.b"),
            Err(IdError::Characters(ID_CHARACTERS))
        );
        assert_eq!(
            EventId::parse(&"a".repeat(65)),
            Err(IdError::Length(MAX_ID_LEN))
        );
    }

    #[test]
    fn a_uid_must_not_look_like_an_id() {
        assert_eq!(
            Uid::parse_beside("app_mine", "app_"),
            Err(IdError::ReservedPrefix("app_"))
        );
        assert!(Uid::parse_beside("acme.eu-1", "app_").is_ok());
        assert!(matches!(
            ApplicationRef::parse("acme"),
            Ok(ApplicationRef::Uid(_))
        ));
        assert!(matches!(
            ApplicationRef::parse("app_1"),
            Ok(ApplicationRef::Id(_))
        ));
    }
}
