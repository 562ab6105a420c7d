//! Which jobs of a call share a message. Pure.

use std::collections::HashMap;

use posthorn_event_schema::{EndpointId, EventId};

use super::NewJob;

/// What a job has beside its body, about, in bytes.
const JOB_METADATA: usize = 1024;
/// Jobs in one message. A sender that dies repeats what shares a message with a delivery in flight, and
/// an endpoint has 32 of these at most.
pub(super) const JOBS_TOGETHER: usize = 32;
/// Bytes of jobs in one message, a larger single one excepted; a quarter of what NATS carries, if that is less.
pub(super) const BYTES_TOGETHER: usize = 64 * 1024;

/// Bytes of a job, about.
pub(super) fn size(new: &NewJob) -> usize {
    let callback = new.job.meta.callback.as_ref().map_or(0, String::len);
    new.job.body.len() + callback + JOB_METADATA
}

/// A message in the making.
struct Draft {
    jobs: Vec<NewJob>,
    bytes: usize,
    /// How many jobs of its event were given before its first one.
    rank: usize,
}

/// Divides jobs among messages: those of one endpoint go together, in their order, unless they stand in
/// lines of their own. First jobs of events go before second ones: an event with a thousand of them must
/// not hold up another that has one.
pub(super) fn messages(jobs: Vec<NewJob>, most_bytes: usize) -> Vec<Vec<NewJob>> {
    let event = |new: &NewJob| new.job.meta.event.clone();
    let first = jobs.first().map(event);
    if jobs
        .iter()
        .all(|new| Some(&new.job.meta.event) == first.as_ref())
    {
        return jobs.into_iter().map(|new| vec![new]).collect();
    }
    let mut drafts: Vec<Draft> = Vec::new();
    let mut open: HashMap<EndpointId, usize> = HashMap::new();
    let mut counts: HashMap<EventId, usize> = HashMap::new();
    for new in jobs {
        let count = counts.entry(event(&new)).or_default();
        let rank = std::mem::replace(count, *count + 1);
        let alone = new.job.meta.line.is_some();
        let endpoint = &new.job.meta.endpoint;
        let draft = open.get(endpoint).map(|place| &mut drafts[*place]);
        match draft.filter(|draft| !alone && draft.has_room(&new, most_bytes)) {
            Some(draft) => draft.add(new),
            None => {
                if alone {
                    // What comes after it must not travel with what was before it.
                    open.remove(endpoint);
                } else {
                    open.insert(endpoint.clone(), drafts.len());
                }
                drafts.push(Draft::of(new, rank));
            }
        }
    }
    drafts.sort_by_key(|draft| draft.rank);
    drafts.into_iter().map(|draft| draft.jobs).collect()
}

impl Draft {
    fn of(new: NewJob, rank: usize) -> Self {
        Self {
            bytes: size(&new),
            jobs: vec![new],
            rank,
        }
    }

    fn has_room(&self, new: &NewJob, most_bytes: usize) -> bool {
        self.jobs.len() < JOBS_TOGETHER && self.bytes + size(new) <= most_bytes
    }

    fn add(&mut self, new: NewJob) {
        self.bytes += size(&new);
        self.jobs.push(new);
    }
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::OrderingKey;

    use super::super::new_job;
    use super::*;

    #[test]
    fn what_stands_in_a_line_parts_those_before_it_from_those_after_it() {
        let mut jobs: Vec<NewJob> = (0..5).map(new_job).collect();
        jobs[2].job.meta.line = Some(OrderingKey::parse("key").unwrap().line());
        let messages = messages(jobs, usize::MAX);
        let events = |jobs: &Vec<NewJob>| -> Vec<String> {
            let events = jobs.iter().map(|new| new.job.meta.event.to_string());
            events.collect()
        };
        let events: Vec<_> = messages.iter().map(events).collect();
        let expected = [
            vec!["event_0", "event_1"],
            vec!["event_2"],
            vec!["event_3", "event_4"],
        ];
        assert_eq!(events, expected);
    }
}
