//! From the decisions on an event to what is published. Pure.

use std::time::Duration;

use posthorn_event_schema::{
    AttemptNumber, DeliveryId, DeliveryJob, EndpointId, EndpointVerdict, Event, FanoutVerdict,
    JobMeta, LeftOut, SchemaVersion, Timestamp, Trigger, Verdict,
};

/// The jobs of the endpoints that matched.
#[must_use]
pub fn jobs(event: &Event, verdicts: &[EndpointVerdict], window: Duration) -> Vec<DeliveryJob> {
    let matched = verdicts.iter().filter(|v| v.verdict == Verdict::Matched);
    matched.map(|v| job(event, &v.endpoint, window)).collect()
}

/// The delivery of an event to an endpoint.
#[must_use]
pub fn job(event: &Event, endpoint: &EndpointId, window: Duration) -> DeliveryJob {
    let meta = &event.meta;
    DeliveryJob {
        meta: JobMeta {
            version: SchemaVersion,
            delivery: DeliveryId::scheduled(&meta.id, endpoint),
            event: meta.id.clone(),
            organization: meta.organization.clone(),
            application: meta.application.clone(),
            endpoint: endpoint.clone(),
            event_type: meta.event_type.clone(),
            accepted_at: meta.accepted_at,
            callback: None,
            deliver_at: meta.deliver_at,
            expires_at: meta.expires_at,
            order: None,
            order_within: 0,
            line: None,
            deadline: meta.starts_at().plus(window),
            attempt: AttemptNumber::FIRST,
            trigger: Trigger::Scheduled,
            bulk: false,
            not_before: Timestamp::default(),
        },
        body: event.body.clone(),
    }
}

/// Endpoints left out that a record names one by one. More are told as a roster, which costs an event
/// some bytes, and every process some dozens for each of its endpoints, once a day.
const NAMED: usize = 8;

/// The record of who matched and who did not, in parts that each fit a message. An application
/// without endpoints has one empty part: that nobody received the event is worth knowing.
///
/// Rosters are brought along; whoever knows that history has them takes them out.
#[must_use]
pub fn records(
    event: &Event,
    verdicts: &[EndpointVerdict],
    callback: Option<EndpointVerdict>,
    decided_at: Timestamp,
) -> Vec<FanoutVerdict> {
    let part = |number: usize, decisions: &[EndpointVerdict]| {
        let (endpoints, left_out) = told(decisions);
        FanoutVerdict {
            version: SchemaVersion,
            event: event.meta.id.clone(),
            organization: event.meta.organization.clone(),
            application: event.meta.application.clone(),
            event_type: event.meta.event_type.clone(),
            accepted_at: event.meta.accepted_at,
            decided_at,
            part: u32::try_from(number).unwrap_or(u32::MAX),
            endpoints,
            left_out,
        }
    };
    let mut parts: Vec<_> = match verdicts {
        [] => vec![part(0, &[])],
        _ => {
            let parts = verdicts.chunks(FanoutVerdict::MAX_ENDPOINTS).enumerate();
            parts.map(|(number, some)| part(number, some)).collect()
        }
    };
    // Whoever is called back belongs to the event, and to no roster.
    if let Some(last) = parts.last_mut() {
        last.endpoints.extend(callback);
    }
    parts
}

/// Decisions as they are told: one by one, or those that were left out as a roster.
fn told(decisions: &[EndpointVerdict]) -> (Vec<EndpointVerdict>, Option<LeftOut>) {
    let matched = decisions.iter().filter(|d| d.verdict == Verdict::Matched);
    if decisions.len() - matched.clone().count() <= NAMED {
        return (decisions.to_vec(), None);
    }
    (matched.cloned().collect(), Some(LeftOut::of(decisions)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use posthorn_event_schema::{Mismatch, Outcome};

    use super::*;

    fn event() -> Event {
        let meta = r#"{"v":1,"id":"e","organization":"org_1","application":"app_1","type":"a",
            "accepted_at":1000000,"retention_hours":1}"#;
        Event {
            meta: serde_json::from_str(meta).unwrap(),
            body: "{}".into(),
        }
    }

    fn verdicts(count: usize) -> Vec<EndpointVerdict> {
        let endpoint = |n| EndpointId::parse(&format!("ep_{n}")).unwrap();
        let matched = |n| EndpointVerdict {
            endpoint: endpoint(n),
            verdict: Verdict::Matched,
        };
        (0..count).map(matched).collect()
    }

    #[test]
    fn each_matching_endpoint_gets_one_job_and_the_others_none() {
        let mut verdicts = verdicts(2);
        verdicts[0].verdict = Verdict::NotMatched {
            reason: Mismatch::Channel,
        };
        let jobs = jobs(&event(), &verdicts, Duration::from_secs(60));
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].meta.delivery.as_str(), "e.ep_1");
        assert_eq!(
            jobs[0].meta.deadline,
            Timestamp::from_unix_micros(61_000_000)
        );
        assert_eq!(jobs[0].meta.dedup_id(), "e.ep_1#1");
    }

    #[test]
    fn a_large_decision_is_recorded_in_parts_that_lose_nobody() {
        for (count, parts) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (2_500, 3)] {
            let records = records(&event(), &verdicts(count), None, Timestamp::default());
            assert_eq!(records.len(), parts, "{count}");
            let recorded: usize = records.iter().map(|record| record.matched().count()).sum();
            assert_eq!(recorded, count);
            let outcomes = records.into_iter().map(Outcome::Fanout);
            let ids: HashSet<_> = outcomes.map(|outcome| outcome.dedup_id()).collect();
            assert_eq!(ids.len(), parts);
        }
    }
    #[test]
    fn many_that_are_left_out_are_told_as_a_roster() {
        let mut verdicts = verdicts(1_000);
        for verdict in &mut verdicts[1..] {
            verdict.verdict = Verdict::NotMatched {
                reason: Mismatch::EventType,
            };
        }
        let callback = EndpointVerdict {
            endpoint: EndpointId::parse("ep_callback").unwrap(),
            verdict: Verdict::Matched,
        };
        let few = records(&event(), &verdicts[..=NAMED], None, Timestamp::default());
        assert_eq!(few[0].endpoints.len(), 1 + NAMED);
        assert_eq!(few[0].left_out, None);
        let records = records(&event(), &verdicts, Some(callback), Timestamp::default());
        let matched: Vec<_> = records[0].matched().map(EndpointId::as_str).collect();
        assert_eq!(matched, ["ep_0", "ep_callback"]);
        let left_out = records[0].left_out.as_ref().unwrap();
        assert_eq!(left_out.verdicts.as_str(), "m999t");
        assert_eq!(left_out.endpoints.as_ref().unwrap().len(), 1_000);
        let mut known = records[0].clone();
        known.left_out.as_mut().unwrap().endpoints = None;
        assert!(Outcome::Fanout(known).encode().len() < 512);
    }
}
