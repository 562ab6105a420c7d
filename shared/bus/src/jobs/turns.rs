//! One message of an endpoint's jobs on its way at a time.
//!
//! While one is on its way, further jobs of the same endpoint wait, and share the next one. So what comes alone is
//! sent at once, and the slower a stream is, the fewer messages it gets: with sync `always` each costs an
//! fsync when it is stored and, mostly, another one when it is acked. A message whose ack is late holds up
//! nobody: after [`PATIENCE`] the next one follows it.
//!
//! Who waited is in a message that nobody makes again: if its jobs are published twice, their sender
//! recognises them for [`REPEATED_WITHIN`](crate::events::REPEATED_WITHIN).

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
    /// Publishes jobs of one endpoint, in one message. Those that stand in a line go by themselves, for their line is
    /// part of the subject, and so do those of a replay, whose pages are known again after a crash by the ids of
    /// their messages.
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
            [first, ..] if goes_by_itself(first) => self.publish_within_budget(&all).await,
            [first, ..] => match self.place(&first.job.meta.endpoint, &jobs) {
                Place::First(turn) => publish(self, turn, &all).await,
                Place::Behind(answer) => answer
                    .await
                    .unwrap_or_else(|gone| Err(PublishError::unavailable(gone))),
            },
        };
        drop(all);
        stored.map_err(|cause| (Arc::unwrap_or_clone(jobs), cause))
    }

    fn place(&self, endpoint: &EndpointId, jobs: &Arc<Vec<NewJob>>) -> Place {
        match self.turns.lock().entry(endpoint.clone()) {
            Entry::Vacant(free) => {
                free.insert(VecDeque::new());
                Place::First(Turn {
                    bus: self.clone(),
                    endpoint: endpoint.clone(),
                })
            }
            Entry::Occupied(mut others) => {
                let (stored, answer) = oneshot::channel();
                let jobs = Arc::clone(jobs);
                others.get_mut().push_back(Waiting { jobs, stored });
                Place::Behind(answer)
            }
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

fn goes_by_itself(new: &NewJob) -> bool {
    new.job.meta.line.is_some() || new.job.meta.bulk
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
        // No shutdown has to wait for it: whoever waits, waits for its answer. At the end of everything nobody does.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(send(turn, next));
        }
    }
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

async fn send(turn: Turn, waiting: Vec<Waiting>) {
    let bus = turn.bus.clone();
    let jobs: Vec<&NewJob> = waiting.iter().flat_map(|one| one.jobs.iter()).collect();
    let stored = publish(&bus, turn, &jobs).await;
    for Waiting { jobs, stored: to } in waiting {
        // Whoever gets them back is to have them alone.
        drop(jobs);
        to.send(stored.clone()).ok();
    }
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
    use posthorn_event_schema::{DeliveryJob, JobMeta};

    use super::*;

    fn new_job(number: usize) -> NewJob {
        let meta = format!(
            r#"{{"v":1,"delivery":"event_{number}.ep_1","event":"event_{number}","organization":"org_1",
                "application":"app_1","endpoint":"ep_1","type":"a","accepted_at":1,"deadline":2,"attempt":1,
                "trigger":"scheduled","not_before":0}}"#
        );
        let meta: JobMeta = serde_json::from_str(&meta).unwrap();
        let body = "{}".into();
        DeliveryJob { meta, body }.into()
    }

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
    fn what_nobody_waits_for_is_left_out() {
        let (mut waiting, mut answers) = queue(&[1, 20, 3]);
        drop(answers.remove(1));
        assert_eq!(taken(&mut waiting, usize::MAX), [1, 3]);
        assert!(waiting.is_empty());
    }
}
