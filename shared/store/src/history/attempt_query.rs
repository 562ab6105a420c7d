//! The query behind a list of attempts.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, AttemptId, Channel, EventType, Timestamp};
use time::OffsetDateTime;
use tokio_postgres::types::ToSql;

use super::attempts::AttemptFilter;
use super::events::{Content, texts};
use super::state;
use super::window::direction;
use crate::{Page, Position};

/// How far an id's moment may lie from the start of its request.
const ID_SLACK: Duration = Duration::from_secs(60);
/// Sorts after every attempt id.
const LAST_ID: &str = "atmpt_~";

/// The columns of an attempt in table `a`; `content` is the number of the parameter that asks for
/// the response.
pub(super) fn columns(content: &str) -> String {
    format!(
        "a.id, a.delivery_id, a.application_id, a.event_id, a.endpoint_id, a.event_type, \
         a.number, a.trigger, a.state, a.next_attempt_at, a.url, a.started_at, a.duration_ms, \
         a.status, CASE WHEN {content} THEN a.response END AS response, a.truncated, a.failure, \
         a.trace_id, a.wish"
    )
}

/// `$1` to `$12` are those of [`FilterParams`]; `scope` brings its own from `$13`.
pub(super) fn select(scope: &str, ascending: bool) -> String {
    let (_, order) = direction(ascending);
    format!(
        "SELECT {} {} ORDER BY a.id {order} LIMIT $11",
        columns("$12"),
        filtered(scope)
    )
}

/// `FROM` and `WHERE` of a list of attempts, with `$1` to `$10` of [`FilterParams`].
pub(super) fn filtered(scope: &str) -> String {
    format!(
        "FROM attempts a \
         WHERE a.application_id = $1 AND {scope} AND a.id > $2 AND a.id < $3 \
           AND ($4::timestamptz IS NULL OR a.started_at > $4) \
           AND ($5::timestamptz IS NULL OR a.started_at < $5) \
           AND ($6::smallint[] IS NULL OR a.state = ANY($6)) \
           AND ($7::int IS NULL OR COALESCE(a.status / 100, 0) = $7) \
           AND ($8::text[] IS NULL OR a.event_type = ANY($8)) \
           AND ($9::text[] IS NULL AND $10::text IS NULL OR EXISTS ( \
               SELECT FROM events e \
               WHERE e.application_id = a.application_id AND e.id = a.event_id \
                 AND e.day = a.day AND ($9 IS NULL OR e.channels && $9) \
                 AND ($10 IS NULL OR $10 = ANY(e.tags))))"
    )
}

/// Between which ids a page lies, both excluded, and where reading begins.
pub(super) struct Range {
    lowest: String,
    highest: String,
    pub(super) ascending: bool,
}

impl Range {
    pub(super) fn of(filter: &AttemptFilter, page: &Page<AttemptId>) -> Self {
        let lowest = filter
            .after
            .map(|at| edge(at.minus(ID_SLACK), 0))
            .unwrap_or_default();
        let highest = filter.before.map(|at| edge(at.plus(ID_SLACK), u8::MAX));
        let highest = highest.unwrap_or_else(|| LAST_ID.to_owned());
        match &page.position {
            Position::Start => {
                let ascending = filter.after.is_some() && filter.before.is_none();
                Self {
                    lowest,
                    highest,
                    ascending,
                }
            }
            Position::Following(attempt) => {
                let highest = highest.min(attempt.as_str().to_owned());
                Self {
                    lowest,
                    highest,
                    ascending: false,
                }
            }
            Position::Preceding(attempt) => {
                let lowest = lowest.max(attempt.as_str().to_owned());
                Self {
                    lowest,
                    highest,
                    ascending: true,
                }
            }
        }
    }
}

impl Range {
    /// Both ends, excluded.
    pub(super) fn ends(&self) -> (&str, &str) {
        (&self.lowest, &self.highest)
    }
}

/// The lowest (`fill` = 0) or highest id of a moment.
fn edge(at: Timestamp, fill: u8) -> String {
    AttemptId::generate(at, [fill; 15]).as_str().to_owned()
}

/// The parameters that every list of attempts has.
pub(super) struct FilterParams<'a> {
    application: &'a str,
    lowest: &'a str,
    highest: &'a str,
    after: Option<OffsetDateTime>,
    before: Option<OffsetDateTime>,
    states: Option<Vec<i16>>,
    status_class: Option<i32>,
    event_types: Option<Vec<&'a str>>,
    channels: Option<Vec<&'a str>>,
    tag: Option<&'a str>,
    rows: i64,
    content: bool,
}

impl<'a> FilterParams<'a> {
    pub(super) fn of(
        filter: &'a AttemptFilter,
        range: &'a Range,
        application: &'a ApplicationId,
        content: Content,
        page: &Page<AttemptId>,
    ) -> Self {
        Self {
            application: application.as_str(),
            lowest: &range.lowest,
            highest: &range.highest,
            after: filter.after.map(Timestamp::to_date_time),
            before: filter.before.map(Timestamp::to_date_time),
            states: state::codes(&filter.states),
            status_class: filter.status_class.map(i32::from),
            event_types: texts(&filter.event_types, EventType::as_str),
            channels: texts(&filter.channels, Channel::as_str),
            tag: filter.tag.as_deref(),
            rows: page.rows_to_read(),
            content: content == Content::Read,
        }
    }

    /// `$1` to `$12`.
    pub(super) fn list(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut list = self.filters();
        list.push(&self.content);
        list
    }

    /// `$1` to `$11`: of a query that reads no columns.
    pub(super) fn filters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.application,
            &self.lowest,
            &self.highest,
            &self.after,
            &self.before,
            &self.states,
            &self.status_class,
            &self.event_types,
            &self.channels,
            &self.tag,
            &self.rows,
        ]
    }
}
