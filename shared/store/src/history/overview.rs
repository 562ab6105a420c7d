//! What an overview shows of an application or of a whole organisation.
//!
//! Figures come from the roll-ups ([`super::rollup`]), so that a week of a busy application is read
//! as fast as an hour of a quiet one; what waits and what failed last come from small indexes.

mod look;

use std::time::Duration;

use posthorn_event_schema::{
    ApplicationId, AttemptId, EndpointId, EventId, EventType, OrganizationId, Timestamp,
};
use time::OffsetDateTime;

use look::Look;

use super::rollup::class_start;
use crate::{Store, StoreError};

/// Endpoints that are shown as the worst.
const WORST: i64 = 5;
/// Failed attempts that are shown.
const FAILURES: i64 = 20;
/// Applications in which the last failed attempts are looked for.
const FAILING_APPLICATIONS: i64 = 50;
/// A delivery ends at most so long after its event was accepted: the latest `deliverAt`, the longest
/// schedule, and what clocks differ.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(4 * 24 * 3_600);
/// What is due for longer than this is late: senders look for what is due all the time.
pub(super) const LATE: Duration = Duration::from_secs(60);

/// Whose history is looked at.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    /// One application's.
    Application(&'a ApplicationId),
    /// That of all applications of an organisation that are not deleted.
    Organization(&'a OrganizationId),
}

impl<'a> Audience<'a> {
    /// The condition on a column `application_id` with `$1`, and that parameter.
    pub(crate) fn condition(self) -> (&'static str, &'a str) {
        match self {
            Self::Application(id) => ("application_id = $1", id.as_str()),
            Self::Organization(id) => (
                "application_id IN (SELECT id FROM applications \
                 WHERE organization_id = $1 AND NOT deleted AND NOT hidden)",
                id.as_str(),
            ),
        }
    }
}

/// How fine the figures are that an overview is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// A minute; kept for two hours.
    Minute,
    /// An hour; kept for eight days.
    Hour,
}

impl Resolution {
    fn table(self) -> &'static str {
        match self {
            Self::Minute => "figures_by_minute",
            Self::Hour => "figures_by_hour",
        }
    }
}

/// Which span of time, and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first moment: where a bucket of the resolution begins.
    pub since: Timestamp,
    /// Length of a bucket, a multiple of the resolution.
    pub step: Duration,
    /// Number of buckets.
    pub count: u16,
    /// The figures that it is made of.
    pub resolution: Resolution,
}

impl Range {
    /// Where the buckets begin.
    fn edges(&self) -> Vec<OffsetDateTime> {
        let places = 0..u32::from(self.count);
        let edges = places.map(|place| self.since.plus(self.step * place).to_date_time());
        edges.collect()
    }

    /// The last moment, excluded.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.since.plus(self.step * u32::from(self.count))
    }
}

/// What happened in a bucket or in the whole range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were accepted.
    pub events: i64,
    /// Attempts that succeeded.
    pub delivered: i64,
    /// Attempts that failed, with another one to come.
    pub failing: i64,
    /// Attempts that failed and were the last.
    pub exhausted: i64,
    /// Deliveries that ended without a further request.
    pub cancelled: i64,
    /// Deliveries that ended because their time was over.
    pub expired: i64,
}

impl Counts {
    fn add_attempts(&mut self, kind: i16, count: i64) {
        match kind {
            0 => self.events += count,
            1 => self.failing += count,
            3 => self.exhausted += count,
            _ => self.delivered += count,
        }
    }

    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.delivered += other.delivered;
        self.failing += other.failing;
        self.exhausted += other.exhausted;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
    }
}

/// Percentiles of durations, in milliseconds: each is the middle of the class that it lies in, so it
/// is off by at most [`Latency::ERROR_PERCENT`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Half of them took at most this.
    pub p50: f64,
    /// 95 of 100 took at most this.
    pub p95: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
}

impl Latency {
    /// The most that a percentile is off.
    pub const ERROR_PERCENT: u8 = 10;

    /// From a histogram by class; `None` without any attempt.
    fn of(classes: &[(i16, i64)]) -> Option<Self> {
        let total: i64 = classes.iter().map(|(_, count)| count).sum();
        (total > 0).then(|| Self {
            p50: percentile(classes, total, 50),
            p95: percentile(classes, total, 95),
            p99: percentile(classes, total, 99),
        })
    }
}

/// The class that holds the attempt of this rank, in ascending order of classes.
fn percentile(classes: &[(i16, i64)], total: i64, percent: i64) -> f64 {
    let rank = (total * percent + 99) / 100;
    let mut passed = 0;
    for (class, count) in classes {
        passed += count;
        if passed >= rank {
            return middle(*class);
        }
    }
    classes.last().map_or(0.0, |(class, _)| middle(*class))
}

/// The geometric middle: equally far, in per cent, from both ends.
fn middle(class: i16) -> f64 {
    if class <= 0 {
        return 0.5;
    }
    (class_start(class) * class_start(class + 1)).sqrt()
}

/// An endpoint that many attempts failed at.
#[derive(Debug, Clone, PartialEq)]
pub struct WorstEndpoint {
    /// Whose it is.
    pub application: ApplicationId,
    /// Itself.
    pub endpoint: EndpointId,
    /// Attempts that failed.
    pub failed: i64,
    /// Attempts that succeeded.
    pub delivered: i64,
    /// How long its attempts took.
    pub latency: Option<Latency>,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedAttempt {
    /// Its id.
    pub id: AttemptId,
    /// Whose event it was.
    pub application: ApplicationId,
    /// The event.
    pub event: EventId,
    /// Who was asked.
    pub endpoint: EndpointId,
    /// What kind of event it was.
    pub event_type: EventType,
    /// When it began.
    pub started_at: Timestamp,
    /// Which attempt it was.
    pub number: u16,
    /// The HTTP status; `None` when no HTTP answer came.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: i64,
    /// Why it was not a success, as one word.
    pub failure: Option<String>,
    /// It was the last.
    pub exhausted: bool,
    /// When the next one was due.
    pub next_attempt_at: Option<Timestamp>,
    /// Its trace.
    pub trace_id: Option<String>,
}

/// What waits for another attempt now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// All of it.
    pub waiting: i64,
    /// What is late: due for more than a minute.
    pub past_due: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
}

/// What an overview shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// Bucket by bucket, empty ones too.
    pub buckets: Vec<Counts>,
    /// All of it.
    pub totals: Counts,
    /// How long attempts took.
    pub latency: Option<Latency>,
    /// What waits.
    pub summary: Summary,
    /// Endpoints by failed attempts, most first.
    pub worst: Vec<WorstEndpoint>,
    /// The last failed attempts, newest first.
    pub failures: Vec<FailedAttempt>,
}

impl Store {
    /// Reads what an overview shows.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn overview(
        &self,
        audience: Audience<'_>,
        range: &Range,
        now: Timestamp,
    ) -> Result<Overview, StoreError> {
        let mut client = self.client().await?;
        let mut look = Look {
            client: &mut client,
            audience,
            range,
        };
        let (buckets, latency) = look.figures().await?;
        let mut totals = Counts::default();
        for bucket in &buckets {
            totals.add(*bucket);
        }
        let worst = look.worst().await?;
        let failures = look.failures().await?;
        let summary = look.summary(now).await?;
        Ok(Overview {
            buckets,
            totals,
            latency,
            summary,
            worst,
            failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_off_by_less_than_they_say() {
        // 90 of 100 took 10 ms, 8 took 200 ms, 2 took 5 s.
        let class_of = |ms: f64| (0..200).rev().find(|c| class_start(*c) <= ms).unwrap_or(0);
        let classes = [
            (class_of(10.0), 90),
            (class_of(200.0), 8),
            (class_of(5_000.0), 2),
        ];
        let latency = Latency::of(&classes).unwrap();
        for (found, exact) in [
            (latency.p50, 10.0),
            (latency.p95, 200.0),
            (latency.p99, 5_000.0),
        ] {
            let off = (found - exact).abs() / exact * 100.0;
            assert!(
                off < f64::from(Latency::ERROR_PERCENT),
                "{found} for {exact}"
            );
        }
        assert_eq!(Latency::of(&[]), None);
        let single = Latency::of(&[(class_of(7.0), 1)]).unwrap();
        assert!((single.p50 - single.p99).abs() < f64::EPSILON);
    }
}
