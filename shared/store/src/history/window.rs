//! Which part of history a read looks at, so that every read is bounded.
//!
//! Lists of events look [`LONGEST_WINDOW`] back from where they begin. An event with an id that we
//! made tells its day by itself; any other is searched for in the window.

use std::time::Duration;

use posthorn_event_schema::{EventId, Timestamp};
use time::Date;

use super::day_of;

/// How far a list reaches. *Source*: Svix's API.
pub(crate) const LONGEST_WINDOW: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How far ahead of this process' clock something may lie. *Source*: Svix's API.
const AHEAD: Duration = Duration::from_secs(3_600);
/// An id is made at most this long before its event is accepted, within a day: a repeated request
/// may store its event under an id that an earlier one made.
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MICROSECOND: Duration = Duration::from_micros(1);

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) first: Date,
    pub(crate) last: Date,
}

impl Days {
    /// The days of a span of time.
    pub(crate) fn between(from: Timestamp, until: Timestamp) -> Self {
        Self {
            first: day_of(from),
            last: day_of(until),
        }
    }

    /// The day of an event that was found, and the next: should a crash have left two copies of an
    /// event, both are seen.
    pub(crate) fn of(accepted_at: Timestamp) -> Self {
        Self::between(accepted_at, accepted_at.plus(DAY))
    }

    /// Where to look for an event, one place after the other.
    ///
    /// A producer's own id may look like one of ours, so an old id is searched for everywhere when
    /// it is not where it should be. A fresh one is not, because callers poll for it.
    pub(crate) fn to_search(id: &EventId, now: Timestamp) -> Vec<Self> {
        let everywhere = Self::between(now.minus(LONGEST_WINDOW), now.plus(AHEAD));
        let Some(made_at) = id.moment() else {
            return vec![everywhere];
        };
        let near = Self::between(made_at.minus(AHEAD), made_at.plus(DAY));
        let fresh = made_at > now.minus(DAY) && made_at < now.plus(AHEAD);
        if fresh {
            vec![near]
        } else {
            vec![near, everywhere]
        }
    }
}

/// Where a list by time is read, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first moment, included.
    pub(crate) from: Timestamp,
    /// The last moment, included.
    pub(crate) until: Timestamp,
    /// Read from the oldest; otherwise from the newest.
    pub(crate) ascending: bool,
}

impl Window {
    /// The window of a page that adjoins `anchor`, or of the list's first page.
    ///
    /// `before` and `after` exclude their own moment.
    pub(crate) fn of(
        (after, before): (Option<Timestamp>, Option<Timestamp>),
        anchor: Option<Timestamp>,
        ascending: bool,
        now: Timestamp,
    ) -> Self {
        let after = after.map(|after| after.plus(MICROSECOND));
        let cap = now.plus(AHEAD);
        let latest = before.map_or(cap, |before| before.minus(MICROSECOND).min(cap));
        if ascending && let Some(start) = after.max(anchor) {
            let until = latest.min(start.plus(LONGEST_WINDOW));
            return Self {
                from: start,
                until,
                ascending,
            };
        }
        let until = anchor.map_or(latest, |anchor| anchor.min(latest));
        let reach = until.minus(LONGEST_WINDOW);
        let from = after.map_or(reach, |after| after.max(reach));
        Self {
            from,
            until,
            ascending,
        }
    }

    /// The days that it touches.
    pub(crate) fn days(&self) -> Days {
        Days::between(self.from, self.until)
    }

    /// The comparison that a position's neighbours pass, and the order of reading.
    pub(crate) fn sql(&self) -> (&'static str, &'static str) {
        direction(self.ascending)
    }
}

/// The comparison and the order of reading in a direction.
pub(crate) fn direction(ascending: bool) -> (&'static str, &'static str) {
    if ascending {
        (">", "ASC")
    } else {
        ("<", "DESC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_800_000_000_000_000);

    fn days_ago(days: u32) -> Timestamp {
        NOW.minus(DAY * days)
    }

    #[test]
    fn a_list_reaches_ninety_days_back_from_where_it_begins() {
        let first = Window::of((None, None), None, false, NOW);
        assert_eq!(
            (first.from, first.until),
            (NOW.plus(AHEAD).minus(LONGEST_WINDOW), NOW.plus(AHEAD))
        );
        let next = Window::of((None, None), Some(days_ago(60)), false, NOW);
        assert_eq!((next.from, next.until), (days_ago(150), days_ago(60)));
    }

    #[test]
    fn the_bounds_of_a_filter_are_excluded() {
        let bounds = (Some(days_ago(5)), Some(days_ago(2)));
        let window = Window::of(bounds, None, false, NOW);
        assert_eq!(window.from, days_ago(5).plus(MICROSECOND));
        assert_eq!(window.until, days_ago(2).minus(MICROSECOND));
    }

    #[test]
    fn reading_upwards_begins_at_the_lower_bound() {
        let window = Window::of((Some(days_ago(300)), None), None, true, NOW);
        assert_eq!(window.from, days_ago(300).plus(MICROSECOND));
        assert_eq!(window.until, days_ago(210).plus(MICROSECOND));
        let preceding = Window::of((None, None), Some(days_ago(3)), true, NOW);
        assert_eq!(
            (preceding.from, preceding.until),
            (days_ago(3), NOW.plus(AHEAD))
        );
    }

    #[test]
    fn a_fresh_id_is_looked_for_only_where_it_can_be() {
        let fresh = EventId::generate_native(NOW, [1; 15]);
        assert_eq!(Days::to_search(&fresh, NOW).len(), 1);
        let old = EventId::generate_message(days_ago(10), [1; 15]);
        let places = Days::to_search(&old, NOW);
        assert_eq!(places.len(), 2);
        assert!(places[0].first <= day_of(days_ago(10)) && day_of(days_ago(10)) <= places[0].last);
        let own = EventId::parse("order-17").unwrap();
        assert_eq!(
            Days::to_search(&own, NOW),
            [Days::between(days_ago(90), NOW.plus(AHEAD))]
        );
    }
}
