//! Writing fan-out's decisions, as far as deliveries do not tell them.
//!
//! Matched endpoints become deliveries. A row is needed only for endpoints that were left out, and
//! to say that there was nobody at all: in the usual case, where every endpoint matched, none is.
//! Where many were left out, the row names a roster ([`posthorn_event_schema::left_out`]), which has a
//! row of its own for each day.

use std::collections::BTreeMap;

use posthorn_event_schema::{EndpointId, FanoutVerdict, Mismatch, Verdict};
use time::{Date, OffsetDateTime};

use crate::StoreError;
use crate::pool::{Params, Transaction};

/// The earliest decision stands, should one have been made twice.
const UPSERT: &str = "
    INSERT INTO fanouts AS f (decided_at, day, part, application_id, event_id, endpoints, reasons,
                              roster, left_out)
    SELECT n.decided_at, n.day, n.part, n.application_id, n.event_id,
           string_to_array(n.endpoints, ','), string_to_array(n.reasons, ',')::smallint[],
           n.roster, n.left_out
    FROM unnest($1::timestamptz[], $2::date[], $3::int[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::bytea[], $9::text[])
        AS n (decided_at, day, part, application_id, event_id, endpoints, reasons, roster, left_out)
    ON CONFLICT (application_id, event_id, part, day) DO UPDATE
    SET decided_at = excluded.decided_at, endpoints = excluded.endpoints,
        reasons = excluded.reasons, roster = excluded.roster, left_out = excluded.left_out
    WHERE excluded.decided_at < f.decided_at";

/// A roster is its name: whoever comes first writes it.
const ADD_ROSTERS: &str = "
    INSERT INTO fanout_rosters (day, application_id, id, endpoints)
    SELECT n.day, n.application_id, n.id, string_to_array(n.endpoints, ',')
    FROM unnest($1::date[], $2::text[], $3::bytea[], $4::text[])
        AS n (day, application_id, id, endpoints)
    ON CONFLICT (application_id, id, day) DO NOTHING";

/// How a reason is stored.
pub(super) fn reason_code(reason: Mismatch) -> i16 {
    match reason {
        Mismatch::Disabled => 0,
        Mismatch::EventType => 1,
        Mismatch::Channel => 2,
    }
}

/// The reason behind a stored code.
pub(super) fn reason(code: i16) -> Option<Mismatch> {
    match code {
        0 => Some(Mismatch::Disabled),
        1 => Some(Mismatch::EventType),
        2 => Some(Mismatch::Channel),
        _ => None,
    }
}

/// Decisions, column by column, as `unnest` takes them.
#[derive(Default)]
pub(super) struct FanoutColumns<'a> {
    decided_at: Vec<OffsetDateTime>,
    days: Vec<Date>,
    parts: Vec<i32>,
    applications: Vec<&'a str>,
    events: Vec<&'a str>,
    endpoints: Vec<String>,
    reasons: Vec<String>,
    rosters: Vec<Option<&'a [u8]>>,
    left_out: Vec<Option<&'a str>>,
    new_rosters: RosterColumns<'a>,
}

impl<'a> FanoutColumns<'a> {
    pub(super) fn of(verdicts: Vec<(Date, &'a FanoutVerdict)>) -> Self {
        let mut earliest = BTreeMap::new();
        let new_rosters = RosterColumns::of(&verdicts);
        for (day, verdict) in verdicts
            .into_iter()
            .filter(|(_, verdict)| needs_row(verdict))
        {
            let key = (
                verdict.application.as_str(),
                verdict.event.as_str(),
                verdict.part,
                day,
            );
            let known = earliest.entry(key).or_insert(verdict);
            if verdict.decided_at < known.decided_at {
                *known = verdict;
            }
        }
        let mut columns = Self {
            new_rosters,
            ..Self::default()
        };
        for ((.., day), verdict) in earliest {
            columns.push(day, verdict);
        }
        columns
    }

    fn push(&mut self, day: Date, verdict: &'a FanoutVerdict) {
        let mut endpoints = Vec::new();
        let mut reasons = Vec::new();
        for endpoint in &verdict.endpoints {
            if let Verdict::NotMatched { reason } = endpoint.verdict {
                endpoints.push(endpoint.endpoint.as_str());
                reasons.push(reason_code(reason).to_string());
            }
        }
        self.decided_at.push(verdict.decided_at.to_date_time());
        self.days.push(day);
        self.parts
            .push(i32::try_from(verdict.part).unwrap_or(i32::MAX));
        self.applications.push(verdict.application.as_str());
        self.events.push(verdict.event.as_str());
        self.endpoints.push(endpoints.join(","));
        self.reasons.push(reasons.join(","));
        let left_out = verdict.left_out.as_ref();
        self.rosters
            .push(left_out.map(|left_out| left_out.roster.as_bytes().as_slice()));
        self.left_out
            .push(left_out.map(|left_out| left_out.verdicts.as_str()));
    }

    pub(super) async fn insert(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.new_rosters.insert(transaction).await?;
        if self.events.is_empty() {
            return Ok(());
        }
        let params: Params<'_> = &[
            &self.decided_at,
            &self.days,
            &self.parts,
            &self.applications,
            &self.events,
            &self.endpoints,
            &self.reasons,
            &self.rosters,
            &self.left_out,
        ];
        transaction.execute(UPSERT, params).await?;
        Ok(())
    }
}

/// The rosters that decisions brought along, in the key's order: two writers that share rows then lock
/// them in the same order.
#[derive(Default)]
struct RosterColumns<'a> {
    days: Vec<Date>,
    applications: Vec<&'a str>,
    ids: Vec<&'a [u8]>,
    endpoints: Vec<String>,
}

impl<'a> RosterColumns<'a> {
    fn of(verdicts: &[(Date, &'a FanoutVerdict)]) -> Self {
        let mut rosters = BTreeMap::new();
        for (day, verdict) in verdicts {
            let Some(left_out) = &verdict.left_out else {
                continue;
            };
            if let Some(endpoints) = &left_out.endpoints {
                let key = (
                    verdict.application.as_str(),
                    left_out.roster.as_bytes().as_slice(),
                    *day,
                );
                rosters.insert(key, endpoints);
            }
        }
        let mut columns = Self::default();
        for ((application, id, day), endpoints) in rosters {
            let endpoints: Vec<_> = endpoints.iter().map(EndpointId::as_str).collect();
            columns.days.push(day);
            columns.applications.push(application);
            columns.ids.push(id);
            columns.endpoints.push(endpoints.join(","));
        }
        columns
    }

    async fn insert(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let params: Params<'_> = &[&self.days, &self.applications, &self.ids, &self.endpoints];
        transaction.execute(ADD_ROSTERS, params).await?;
        Ok(())
    }
}

fn needs_row(verdict: &FanoutVerdict) -> bool {
    let left_out = |verdict: Verdict| matches!(verdict, Verdict::NotMatched { .. });
    verdict.left_out.is_some()
        || verdict.endpoints.is_empty()
        || verdict.endpoints.iter().any(|e| left_out(e.verdict))
}
