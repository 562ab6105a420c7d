//! Endpoints whose receivers want no further request, until their configuration says so.
//!
//! It takes recorder and api a second or two to disable an endpoint, and longer while PostgreSQL is
//! away. Meanwhile its deliveries are kept. What is not known here any more, after a restart or a
//! hand-over, costs one request, which is answered with the same wish.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use posthorn_event_schema::{EndpointId, EndpointSnapshot, Timestamp};

/// How long a wish is remembered that nothing comes of.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Most endpoints that are remembered; beyond it the wish alone has to do.
const MOST: usize = 10_000;

/// Which endpoints are to be left alone.
#[derive(Debug, Default)]
pub struct Withdrawn(RwLock<HashMap<EndpointId, Withdrawal>>);

#[derive(Debug, Clone, Copy)]
struct Withdrawal {
    version: i64,
    until: Timestamp,
}

impl Withdrawn {
    /// The receiver of an endpoint wants no further request.
    pub fn note(&self, endpoint: &EndpointSnapshot, now: Timestamp) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, withdrawal| now < withdrawal.until);
        }
        if known.len() < MOST {
            let withdrawal = Withdrawal {
                version: endpoint.version,
                until: now.plus(LONGEST),
            };
            known.insert(endpoint.id.clone(), withdrawal);
        }
    }

    /// Whether an endpoint is to be left alone. Any later version of it is the answer to the wish,
    /// or somebody's change: then it may be asked again.
    #[must_use]
    pub fn stands(&self, endpoint: &EndpointSnapshot, now: Timestamp) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(withdrawal) = known.get(&endpoint.id).copied() else {
            return false;
        };
        drop(known);
        let stands = endpoint.version <= withdrawal.version && now < withdrawal.until;
        if !stands {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.remove(&endpoint.id);
        }
        stands
    }
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::{ApplicationId, OrganizationId, SchemaVersion};

    use super::*;

    fn endpoint(name: &str, version: i64) -> EndpointSnapshot {
        EndpointSnapshot {
            schema: SchemaVersion,
            id: EndpointId::parse(name).unwrap(),
            application: ApplicationId::parse("app_1").unwrap(),
            organization: OrganizationId::parse("org_1").unwrap(),
            version,
            deleted: false,
            url: "https://example.com/".to_owned(),
            disabled: false,
            event_types: None,
            channels: None,
            secrets: Vec::new(),
            sealed_headers: None,
            sealed_credentials: None,
            client_certificate: None,
            extra_roots: None,
            oauth: None,
            cancelled_before: None,
            released_at: None,
            retry_waits_ms: None,
            throttle_rate: None,
            fifo: false,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_wish_stands_until_a_later_version_or_for_a_while() {
        let withdrawn = Withdrawn::default();
        assert!(!withdrawn.stands(&endpoint("ep_1", 3), at(0)));
        withdrawn.note(&endpoint("ep_1", 3), at(0));
        assert!(withdrawn.stands(&endpoint("ep_1", 3), at(599)));
        assert!(withdrawn.stands(&endpoint("ep_1", 2), at(599)));
        assert!(!withdrawn.stands(&endpoint("ep_2", 3), at(0)));
        assert!(!withdrawn.stands(&endpoint("ep_1", 4), at(0)));
        // It does not come back.
        assert!(!withdrawn.stands(&endpoint("ep_1", 3), at(0)));
        withdrawn.note(&endpoint("ep_1", 5), at(0));
        assert!(!withdrawn.stands(&endpoint("ep_1", 5), at(600)));
    }

    #[test]
    fn memory_is_bounded_and_what_is_over_makes_room() {
        let withdrawn = Withdrawn::default();
        let known = || withdrawn.0.read().unwrap().len();
        for number in 0..=MOST {
            withdrawn.note(&endpoint(&format!("ep_{number}"), 1), at(0));
        }
        assert_eq!(known(), MOST);
        withdrawn.note(&endpoint("ep_late", 1), at(600));
        assert_eq!(known(), 1);
    }
}
