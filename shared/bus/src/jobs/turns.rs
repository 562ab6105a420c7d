//! One message of an endpoint's jobs on its way at a time.
//!
//! While one is on its way, further jobs of the same endpoint wait, and share the next one. So what comes alone is
//! sent at once, and the slower a stream is, the fewer messages it gets: with sync `always` each costs an
//! fsync when it is stored and, mostly, another one when it is acked. A message that is full is sent at once, and
//! one whose ack is late holds up nobody: after [`PATIENCE`] the next one follows it.
//!
//! Who waited is in a message that nobody makes again. So what is not known to be stored is published again
//! [apart](NewJob::apart): however often it is, there is one more copy of it at most. Another one comes with each
//! death of the process before it acked the event. Their sender recognises them for
//! [`REPEATED_WITHIN`](crate::events::REPEATED_WITHIN).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posthorn_event_schema::EndpointId;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::NewJob;
use super::drafts::{JOBS_TOGETHER, size};
use crate::{Bus, PublishError};

/// How long an endpoint's next message waits for the ack of the one before it: some fsyncs of a busy disk.
const PATIENCE: Duration = Duration::from_millis(200);
/// Jobs of so many bytes gain nothing from sharing a message, and would wait for it.
const LARGE: usize = 16 * 1024;

type Stored = Result<(), PublishError>;

/// The endpoints that have a message on its way, with what waits for it. Whoever brings jobs waits for them, so
/// there are no more than whoever makes them has in hand.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<EndpointId, VecDeque<Waiting>>>);

/// Jobs that wait, and whom to tell that they are stored.
#[derive(Debug)]
struct Waiting {
    jobs: Arc<Vec<NewJob>>,
    stored: oneshot::Sender<Stored>,
}

/// The right to send an endpoint's next message; dropped, it is passed on.
struct Turn {
    bus: Bus,
    endpoint: EndpointId,
}

enum Place {
    First(Turn),
    Behind(oneshot::Receiver<Stored>),
}

impl Bus {
    /// Publishes jobs of one endpoint in one message, maybe with those of other callers.
    ///
    /// # Errors
    /// The jobs, which may be stored or not, and why that is not known.
    pub(super) async fn publish_with_others(
        &self,
        jobs: Vec<NewJob>,
    ) -> Result<(), (Vec<NewJob>, PublishError)> {
        let jobs = Arc::new(jobs);
        let all: Vec<&NewJob> = jobs.iter().collect();
        let stored = match all.as_slice() {
            [] => Ok(()),
            _ if go_apart(&jobs) => self.publish_within_budget(&all).await,
            [first, ..] => match self.place(&first.job.meta.endpoint, &jobs) {
                Place::First(turn) => publish(self, turn, &all).await,
                Place::Behind(answer) => self.hear(answer).await,
            },
        };
        drop(all);
        stored.map_err(|cause| {
            let mut jobs = Arc::unwrap_or_clone(jobs);
            jobs.iter_mut().for_each(|new| new.apart = true);
            (jobs, cause)
        })
    }

    fn place(&self, endpoint: &EndpointId, jobs: &Arc<Vec<NewJob>>) -> Place {
        let (stored, answer) = oneshot::channel();
        let most = self.most_job_bytes();
        let full = match self.turns.lock().entry(endpoint.clone()) {
            Entry::Vacant(free) => {
                free.insert(VecDeque::new());
                return Place::First(Turn {
                    bus: self.clone(),
                    endpoint: endpoint.clone(),
                });
            }
            Entry::Occupied(mut others) => {
                let queue = others.get_mut();
                let jobs = Arc::clone(jobs);
                queue.push_back(Waiting { jobs, stored });
                is_full(queue, most).then(|| next_of(queue, most))
            }
        };
        if let Some(message) = full {
            self.send_beside(None, message);
        }
        Place::Behind(answer)
    }

    /// What became of jobs that wait: they leave after [`PATIENCE`] at the latest, if there is room for their bytes.
    async fn hear(&self, answer: oneshot::Receiver<Stored>) -> Stored {
        match timeout(PATIENCE + self.publish_timeout(), answer).await {
            Ok(Ok(stored)) => stored,
            Ok(Err(gone)) => Err(PublishError::unavailable(gone)),
            Err(elapsed) => Err(PublishError::unavailable(elapsed)),
        }
    }

    /// Sends a message of jobs that waited. No shutdown has to wait for it: whoever waits, waits for its answer, and
    /// at the end of everything nobody does.
    fn send_beside(&self, turn: Option<Turn>, message: Vec<Waiting>) {
        if let (Ok(runtime), false) = (Handle::try_current(), message.is_empty()) {
            runtime.spawn(send(self.clone(), turn, message));
        }
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, VecDeque<Waiting>>> {
        // A thread that panicked in between left the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next message of an endpoint has; nothing if none waits, and then whoever comes is the first.
    fn next(&self, endpoint: &EndpointId, most_bytes: usize) -> Vec<Waiting> {
        let mut turns = self.lock();
        let Some(queue) = turns.get_mut(endpoint) else {
            return Vec::new();
        };
        let next = next_of(queue, most_bytes);
        if next.is_empty() {
            turns.remove(endpoint);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = (self.bus.turns).next(&self.endpoint, self.bus.most_job_bytes());
        if next.is_empty() {
            return;
        }
        let turn = Self {
            bus: self.bus.clone(),
            endpoint: self.endpoint.clone(),
        };
        self.bus.send_beside(Some(turn), next);
    }
}

/// Whether jobs share no message with those of other callers. A line is part of the subject.
fn go_apart(jobs: &[NewJob]) -> bool {
    jobs.iter().map(size).sum::<usize>() > LARGE
        || jobs
            .iter()
            .any(|new| new.apart || new.job.meta.line.is_some())
}

/// Returns once the message is stored, or nothing is known of it.
async fn publish(bus: &Bus, turn: Turn, jobs: &[&NewJob]) -> Stored {
    let mut publishing = pin!(bus.publish_within_budget(jobs));
    match timeout(PATIENCE, &mut publishing).await {
        Ok(stored) => stored,
        Err(_late) => {
            drop(turn);
            publishing.await
        }
    }
}

async fn send(bus: Bus, turn: Option<Turn>, waiting: Vec<Waiting>) {
    let jobs: Vec<&NewJob> = waiting.iter().flat_map(|one| one.jobs.iter()).collect();
    let stored = match turn {
        Some(turn) => publish(&bus, turn, &jobs).await,
        None => bus.publish_within_budget(&jobs).await,
    };
    for Waiting { jobs, stored: to } in waiting {
        // Whoever gets them back is to have them alone.
        drop(jobs);
        to.send(stored.clone()).ok();
    }
}

/// Whether another caller's jobs might not fit any more. Pure.
fn is_full(queue: &VecDeque<Waiting>, most_bytes: usize) -> bool {
    let jobs = || queue.iter().flat_map(|waiting| waiting.jobs.iter());
    jobs().count() >= JOBS_TOGETHER || jobs().map(size).sum::<usize>() + LARGE > most_bytes
}

/// Takes what fits a message, at least one if there is any; what nobody waits for any more is left out. Pure.
fn next_of(queue: &mut VecDeque<Waiting>, most_bytes: usize) -> Vec<Waiting> {
    let (mut next, mut count, mut bytes) = (Vec::new(), 0, 0);
    while let Some(waiting) = queue.front() {
        if !waiting.stored.is_closed() {
            count += waiting.jobs.len();
            bytes += waiting.jobs.iter().map(size).sum::<usize>();
            if !next.is_empty() && (count > JOBS_TOGETHER || bytes > most_bytes) {
                break;
            }
        }
        let taken = queue.pop_front();
        next.extend(taken.filter(|waiting| !waiting.stored.is_closed()));
    }
    next
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::OrderingKey;

    use super::super::new_job;
    use super::*;

    /// Callers that brought so many jobs each, and their answers.
    fn queue(counts: &[usize]) -> (VecDeque<Waiting>, Vec<oneshot::Receiver<Stored>>) {
        let callers = counts.iter().map(|count| {
            let (stored, answer) = oneshot::channel();
            let jobs = Arc::new((0..*count).map(new_job).collect());
            (Waiting { jobs, stored }, answer)
        });
        callers.unzip()
    }

    fn taken(queue: &mut VecDeque<Waiting>, most_bytes: usize) -> Vec<usize> {
        let next = next_of(queue, most_bytes);
        next.iter().map(|one| one.jobs.len()).collect()
    }

    #[test]
    fn a_message_has_what_fits_and_what_fits_none_goes_alone() {
        let (mut waiting, _answers) = queue(&[30, 2, 1, JOBS_TOGETHER + 1, 5]);
        let all = usize::MAX;
        assert_eq!(taken(&mut waiting, all), [30, 2]);
        assert_eq!(taken(&mut waiting, all), [1]);
        assert_eq!(taken(&mut waiting, all), [JOBS_TOGETHER + 1]);
        assert_eq!(taken(&mut waiting, all), [5]);
        assert!(next_of(&mut waiting, all).is_empty());

        let (mut waiting, _answers) = queue(&[1, 1, 1]);
        let two = 2 * size(&new_job(0));
        assert_eq!(taken(&mut waiting, two), [1, 1]);
        assert_eq!(taken(&mut waiting, 1), [1]);
    }

    #[test]
    fn a_queue_is_full_when_the_next_caller_might_not_fit() {
        let most = 64 * 1024;
        assert!(!is_full(&queue(&[10, JOBS_TOGETHER - 11]).0, most));
        assert!(is_full(&queue(&[10, JOBS_TOGETHER - 10]).0, most));
        let (two, bytes) = (queue(&[1, 1]).0, 2 * size(&new_job(0)));
        assert!(!is_full(&two, bytes + LARGE));
        assert!(is_full(&two, bytes + LARGE - 1));
    }

    #[test]
    fn what_is_large_or_ordered_or_repeated_goes_apart() {
        assert!(!go_apart(&[new_job(0), new_job(1)]));
        let mut large = new_job(0);
        large.job.body = vec![b'x'; LARGE].into();
        let mut in_line = new_job(0);
        in_line.job.meta.line = Some(OrderingKey::parse("key").unwrap().line());
        let apart = NewJob {
            apart: true,
            ..new_job(0)
        };
        for alone in [large, in_line, apart] {
            assert!(go_apart(&[new_job(1), alone]));
        }
    }

    #[test]
    fn what_nobody_waits_for_is_left_out() {
        let (mut waiting, mut answers) = queue(&[1, 20, 3]);
        drop(answers.remove(1));
        assert_eq!(taken(&mut waiting, usize::MAX), [1, 3]);
        assert!(waiting.is_empty());
    }
}
