//! Counting what an organisation's applications sent: deliveries by application, events by type.
//!
//! A step counts some applications, a day of history at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EventType, Timestamp};
use posthorn_store::application::ApplicationFilter;
use posthorn_store::history::Span;
use posthorn_store::listing::Order;
use posthorn_store::task::TaskRow;
use posthorn_store::task_work::TaskStep;
use posthorn_store::{Page, Position};
use serde::{Deserialize, Serialize};

use super::worker::Worker;
use super::{StepError, finished, going_on, read};

/// Applications per step.
const PAGE: u16 = 50;
/// How much of history one statement counts.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Items that a task's data may have; what comes after them is left out, and `truncated` says so.
const MAX_ITEMS: usize = 10_000;

/// What was asked for, as the task keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Parameters {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// Only these, by id; `None` = all that there are.
    #[serde(default)]
    pub(crate) applications: Option<Vec<ApplicationId>>,
}

/// An application's deliveries, as callers see them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationUsage {
    app_id: ApplicationId,
    /// Messages × endpoints.
    message_destinations: i64,
}

/// What counting deliveries has come to, as callers see it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deliveries {
    app_stats: Vec<ApplicationUsage>,
    truncated: bool,
}

/// What counting events has come to, as callers see it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTypes {
    event_types: BTreeMap<EventType, i64>,
    truncated: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cursor {
    after: ApplicationId,
}

/// Counts the deliveries of the next applications.
pub(super) async fn deliveries(worker: &Worker, task: &TaskRow) -> Result<TaskStep, StepError> {
    let parameters: Parameters = read(&task.parameters)?;
    let mut data: Deliveries = read(&task.data)?;
    let applications = next(worker, task, &parameters).await?;
    let mut counts: BTreeMap<ApplicationId, i64> = BTreeMap::new();
    for span in days(&parameters) {
        for (application, count) in worker.store.count_deliveries(&applications, span).await? {
            *counts.entry(application).or_default() += count;
        }
    }
    for app_id in &applications {
        if data.app_stats.len() >= MAX_ITEMS {
            data.truncated = true;
            return Ok(finished(&data));
        }
        let message_destinations = counts.remove(app_id).unwrap_or(0);
        data.app_stats.push(ApplicationUsage {
            app_id: app_id.clone(),
            message_destinations,
        });
    }
    Ok(after(applications, &data))
}

/// Counts the events of the next applications.
pub(super) async fn event_types(worker: &Worker, task: &TaskRow) -> Result<TaskStep, StepError> {
    let parameters: Parameters = read(&task.parameters)?;
    let mut data: EventTypes = read(&task.data)?;
    let applications = next(worker, task, &parameters).await?;
    for span in days(&parameters) {
        for (event_type, count) in worker.store.count_events(&applications, span).await? {
            let room = data.event_types.len() < MAX_ITEMS;
            match data.event_types.get_mut(&event_type) {
                Some(known) => *known += count,
                None if room => drop(data.event_types.insert(event_type, count)),
                None => data.truncated = true,
            }
        }
    }
    Ok(after(applications, &data))
}

/// The applications of this step, by id.
async fn next(
    worker: &Worker,
    task: &TaskRow,
    parameters: &Parameters,
) -> Result<Vec<ApplicationId>, StepError> {
    let last: Option<Cursor> = task.cursor.as_ref().map(read).transpose()?;
    let last = last.map(|cursor| cursor.after);
    if let Some(chosen) = &parameters.applications {
        let rest = chosen.iter().filter(|id| last.as_ref() < Some(*id));
        return Ok(rest.take(usize::from(PAGE)).cloned().collect());
    }
    let page = Page {
        limit: PAGE,
        position: last.map_or(Position::Start, Position::Following),
    };
    let all = ApplicationFilter::default();
    let organization = &task.organization;
    let listed = worker
        .store
        .list_applications(organization, all, Order::Ascending, &page);
    Ok(listed.await?.items.into_iter().map(|row| row.id).collect())
}

fn after<D: Serialize>(applications: Vec<ApplicationId>, data: &D) -> TaskStep {
    match applications.into_iter().last() {
        Some(after) => going_on(data, &Cursor { after }),
        None => finished(data),
    }
}

/// The span that was asked for, in pieces.
fn days(parameters: &Parameters) -> impl Iterator<Item = Span> {
    let end = parameters.until;
    let starts = std::iter::successors(Some(parameters.since), move |start| {
        let next = start.plus(DAY);
        (next < end).then_some(next)
    });
    starts.map(move |since| Span {
        since,
        until: since.plus(DAY).min(end),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_counted_day_by_day_without_gap_or_overlap() {
        let since = Timestamp::from_unix_micros(1_800_000_000_000_000);
        for length in [0, 1, 24 * 3_600, 60 * 3_600] {
            let parameters = Parameters {
                since,
                until: since.plus(Duration::from_secs(length)),
                applications: None,
            };
            let pieces: Vec<Span> = days(&parameters).collect();
            assert_eq!(pieces[0].since, since);
            assert!(pieces.windows(2).all(|pair| pair[0].until == pair[1].since));
            assert_eq!(pieces.last().unwrap().until, parameters.until);
        }
    }
}
