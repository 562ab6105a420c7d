//! Subjects as types: the only place where their texts are written.
//!
//! Producers use `posthorn.events.<app>.<event type…>` and `posthorn.publish.<app>`; everything
//! else is internal.

use std::fmt;

pub use crate::lane::{Lane, Rank, WaitingSubject};
use crate::{
    ApplicationId, ApplicationRef, Door, EndpointId, EventId, EventType, IdError, NameError,
    OrderingLine, Partition, Shard,
};

/// What producers publish on, as a filter.
pub const INBOX_FILTER: &str = "posthorn.events.>";
/// What producers send requests to, as a filter.
pub const PUBLISH_FILTER: &str = "posthorn.publish.*";
/// All of EVENTS.
pub const EVENTS_FILTER: &str = "events.>";
/// Several accepted events in one message. No application has this id: theirs begin with `app_`.
pub const EVENTS_TOGETHER: &str = "events.together";
/// All of JOBS, shard by shard.
pub const JOBS_FILTERS: [&str; Shard::ALL.len()] = ["jobs_0.>", "jobs_1.>", "jobs_2.>", "jobs_3.>"];
/// All of WAITING.
pub const WAITING_FILTER: &str = "waiting.>";
/// All of SCHEDULED.
pub const SCHEDULED_FILTER: &str = "scheduled.>";
/// The part of SCHEDULED that is due.
pub const SCHEDULED_DUE_FILTER: &str = "scheduled.due.>";
/// Records for history.
pub const OUTCOMES: &str = "outcomes.records";
/// All of OUTCOMES.
pub const OUTCOMES_FILTER: &str = "outcomes.>";
/// Where the server repeats OUTCOMES for whoever listens.
pub const LIVE_OUTCOMES_FILTER: &str = "live.outcomes.>";
/// All of REJECTED.
pub const REJECTED_FILTER: &str = "rejected.>";
/// Longest subject that a producer may use, in bytes.
pub const MAX_PRODUCER_SUBJECT_LEN: usize = 512;

/// Why a producer's subject names no application and event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// It does not have the form that the door demands.
    #[error("the subject must have the form `{0}`")]
    Form(&'static str),
    /// It is longer than [`MAX_PRODUCER_SUBJECT_LEN`].
    #[error("the subject must have at most {MAX_PRODUCER_SUBJECT_LEN} characters")]
    Length,
    /// The application's id or uid breaks a rule.
    #[error("the application in the subject {0}")]
    Application(IdError),
    /// The event type breaks a rule.
    #[error("the event type in the subject {0}")]
    EventType(NameError),
}

/// `posthorn.events.<app>.<event type…>`: where producers publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxSubject {
    /// Whose event it is.
    pub application: ApplicationRef,
    /// What kind of event it is.
    pub event_type: EventType,
}

impl InboxSubject {
    const FORM: &'static str = "posthorn.events.<application>.<event type>";

    /// Reads a producer's subject.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(subject: &str) -> Result<Self, SubjectError> {
        if subject.len() > MAX_PRODUCER_SUBJECT_LEN {
            return Err(SubjectError::Length);
        }
        let rest = subject
            .strip_prefix("posthorn.events.")
            .ok_or(SubjectError::Form(Self::FORM))?;
        let (app, event_type) = rest.split_once('.').ok_or(SubjectError::Form(Self::FORM))?;
        Ok(Self {
            application: ApplicationRef::parse(app).map_err(SubjectError::Application)?,
            event_type: EventType::parse(event_type).map_err(SubjectError::EventType)?,
        })
    }
}

impl fmt::Display for InboxSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "posthorn.events.{}.{}",
            self.application, self.event_type
        )
    }
}

/// `posthorn.publish.<app>`: where producers send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishSubject {
    /// Whose event it is.
    pub application: ApplicationRef,
}

impl PublishSubject {
    const FORM: &'static str = "posthorn.publish.<application>";

    /// Reads a producer's subject.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(subject: &str) -> Result<Self, SubjectError> {
        if subject.len() > MAX_PRODUCER_SUBJECT_LEN {
            return Err(SubjectError::Length);
        }
        let app = subject
            .strip_prefix("posthorn.publish.")
            .ok_or(SubjectError::Form(Self::FORM))?;
        let application = ApplicationRef::parse(app).map_err(SubjectError::Application)?;
        Ok(Self { application })
    }
}

impl fmt::Display for PublishSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "posthorn.publish.{}", self.application)
    }
}

/// `events.<app>`: an accepted event.
#[must_use]
pub fn event(application: &ApplicationId) -> String {
    format!("events.{application}")
}

/// `scheduled.wait.<app>.<event>`: an event that waits for its time.
///
/// The server holds one schedule a subject.
#[must_use]
pub fn scheduled_wait(application: &ApplicationId, event: &EventId) -> String {
    format!("scheduled.wait.{application}.{event}")
}

/// `scheduled.due.<app>`: where the server puts an event whose time has come.
#[must_use]
pub fn scheduled_due(application: &ApplicationId) -> String {
    format!("scheduled.due.{application}")
}

/// `jobs_<shard>.<p>.<endpoint>`, or with an ordering key `jobs_<shard>.<p>.<endpoint>.<line>`: a delivery
/// that may run now.
#[must_use]
pub fn job(endpoint: &EndpointId, line: Option<OrderingLine>) -> String {
    let root = jobs_root(Partition::of(endpoint));
    match line {
        None => format!("{root}.{endpoint}"),
        Some(line) => format!("{root}.{endpoint}.{line}"),
    }
}

/// `jobs_<shard>.<p>.<endpoint>.*`: all jobs of an endpoint that have an ordering key.
#[must_use]
pub fn jobs_in_lines(endpoint: &EndpointId) -> String {
    format!("{}.{endpoint}.*", jobs_root(Partition::of(endpoint)))
}

/// `jobs_<shard>.<p>.>`: all jobs of a partition.
#[must_use]
pub fn jobs_of(partition: Partition) -> String {
    format!("{}.>", jobs_root(partition))
}

fn jobs_root(partition: Partition) -> String {
    format!("jobs_{}.{partition}", Shard::of(partition))
}

/// Where senders ask the owner of a partition for shares of its applications' rates:
/// `slots.<partition>`. No stream takes it.
#[must_use]
pub fn slots_of(partition: Partition) -> String {
    format!("slots.{}", partition.number())
}

/// `rejected.<door>`: refused input.
#[must_use]
pub fn rejected(door: Door) -> String {
    format!("rejected.{}", door.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_job_is_in_the_shard_of_its_partition() {
        let endpoint = EndpointId::parse("ep_1").unwrap();
        assert_eq!(job(&endpoint, None), "jobs_0.36.ep_1");
        assert_eq!(jobs_in_lines(&endpoint), "jobs_0.36.ep_1.*");
        let some = Partition::all().map(jobs_of).take(5);
        let filters = [
            "jobs_0.0.>",
            "jobs_1.1.>",
            "jobs_2.2.>",
            "jobs_3.3.>",
            "jobs_0.4.>",
        ];
        assert!(some.eq(filters));
        for (partition, whole) in Partition::all().zip(JOBS_FILTERS) {
            assert!(jobs_of(partition).starts_with(whole.trim_end_matches('>')));
        }
    }

    #[test]
    fn a_producers_subject_names_application_and_type() {
        let subject = InboxSubject::parse("posthorn.events.acme.file.deleted").unwrap();
        assert_eq!(subject.application.to_string(), "acme");
        assert_eq!(subject.event_type.as_str(), "file.deleted");
        assert_eq!(subject.to_string(), "posthorn.events.acme.file.deleted");
        assert!(PublishSubject::parse("posthorn.publish.app_1").is_ok());
    }

    #[test]
    fn each_bad_subject_is_refused_with_its_rule() {
        let cases = [
            ("posthorn.events.acme", "the subject must have the form"),
            ("other.events.acme.a", "the subject must have the form"),
            ("posthorn.events..a", "the application in the subject"),
            ("posthorn.events.acme.a..b", "the event type in the subject"),
            ("posthorn.events.acme.*", "the event type in the subject"),
            ("posthorn.events.acme.a b", "the event type in the subject"),
        ];
        for (subject, start) in cases {
            let error = InboxSubject::parse(subject).unwrap_err().to_string();
            assert!(error.starts_with(start), "{subject}: {error}");
        }
        let long = format!("posthorn.events.acme.{}", "a".repeat(600));
        assert_eq!(InboxSubject::parse(&long), Err(SubjectError::Length));
    }

    proptest! {
        #[test]
        fn any_subject_is_read_or_refused_without_panic(subject in ".{0,80}") {
            let _ignored = (InboxSubject::parse(&subject), WaitingSubject::parse(&subject));
        }
    }
}
