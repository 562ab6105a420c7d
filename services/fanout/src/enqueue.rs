//! From the decisions on an event to what is published. Pure.

use std::time::Duration;

use posthorn_event_schema::{
    AttemptNumber, DeliveryId, DeliveryJob, EndpointId, EndpointVerdict, Event, FanoutVerdict,
    JobMeta, Outcome, SchemaVersion, Timestamp, Trigger, Verdict,
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

/// The record of who matched and who did not, in parts that each fit a message. An application
/// without endpoints has one empty part: that nobody received the event is worth knowing.
#[must_use]
pub fn records(
    event: &Event,
    verdicts: Vec<EndpointVerdict>,
    decided_at: Timestamp,
) -> Vec<Outcome> {
    let part = |number: usize, endpoints: Vec<EndpointVerdict>| {
        Outcome::Fanout(FanoutVerdict {
            version: SchemaVersion,
            event: event.meta.id.clone(),
            organization: event.meta.organization.clone(),
            application: event.meta.application.clone(),
            event_type: event.meta.event_type.clone(),
            accepted_at: event.meta.accepted_at,
            decided_at,
            part: u32::try_from(number).unwrap_or(u32::MAX),
            endpoints,
        })
    };
    if verdicts.len() <= FanoutVerdict::MAX_ENDPOINTS {
        return vec![part(0, verdicts)];
    }
    let parts = verdicts.chunks(FanoutVerdict::MAX_ENDPOINTS).enumerate();
    parts
        .map(|(number, endpoints)| part(number, endpoints.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::Mismatch;

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
            let records = records(&event(), verdicts(count), Timestamp::default());
            assert_eq!(records.len(), parts, "{count}");
            let recorded: usize = records
                .iter()
                .map(|record| match record {
                    Outcome::Fanout(verdict) => verdict.endpoints.len(),
                    Outcome::Attempt(_) | Outcome::Cancelled(_) => 0,
                })
                .sum();
            assert_eq!(recorded, count);
            let ids: std::collections::HashSet<_> = records.iter().map(Outcome::dedup_id).collect();
            assert_eq!(ids.len(), parts);
        }
    }
}
