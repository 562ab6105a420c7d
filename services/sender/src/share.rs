//! A job's share of the message that brought it: the message is settled with its last share.
//!
//! Jobs of one endpoint may travel in one message, and each ends in its own time. If some of them have to
//! come again and others ended, those are stored anew, each in a message of its own, before the message is
//! acked: none that ended is repeated.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use posthorn_bus::{Bus, LastAck, Message, PublishError};
use posthorn_event_schema::DeliveryJob;
use tokio::sync::OwnedSemaphorePermit;

/// One job's share of a message. Dropped, it leaves the message unsettled, which then comes again after
/// the ack wait.
pub(crate) struct Share(Arc<Whole>);

struct Whole {
    message: Message,
    last_ack: LastAck,
    state: Mutex<State>,
    /// The jobs have their bodies from the message: all of it stays in memory until the last has ended.
    _bytes: OwnedSemaphorePermit,
}

#[derive(Default)]
struct State {
    /// Shares that are not settled.
    open: usize,
    ended: bool,
    /// What has to come again, and after how long.
    again: Vec<DeliveryJob>,
    pause: Duration,
}

/// What is left to do after a message's last share.
#[derive(Debug, PartialEq)]
enum Close {
    Nothing,
    Ack,
    GiveBack(Duration),
    Split {
        jobs: Vec<DeliveryJob>,
        pause: Duration,
    },
}

impl Share {
    /// The shares of a message with so many jobs, which takes so much memory.
    pub(crate) fn all(
        message: Message,
        count: usize,
        bytes: OwnedSemaphorePermit,
        last_ack: &LastAck,
    ) -> Vec<Self> {
        let whole = Arc::new(Whole {
            message,
            last_ack: last_ack.clone(),
            state: Mutex::new(State {
                open: count,
                ..State::default()
            }),
            _bytes: bytes,
        });
        (0..count).map(|_| Self(Arc::clone(&whole))).collect()
    }

    /// The message that it is a share of.
    pub(crate) fn message(&self) -> &Message {
        &self.0.message
    }

    /// Its job has ended, and everything that follows is stored.
    #[must_use = "what is left of the message is to be stored"]
    pub(crate) async fn ack(self) -> Option<Rest> {
        let close = self.0.with(State::end);
        self.close(close).await
    }

    /// Its job is to come again after a pause.
    #[must_use = "what is left of the message is to be stored"]
    pub(crate) async fn give_back(self, job: &DeliveryJob, pause: Duration) -> Option<Rest> {
        let close = self.0.with(|state| state.return_job(job.clone(), pause));
        self.close(close).await
    }

    async fn close(self, close: Close) -> Option<Rest> {
        match close {
            Close::Nothing => {}
            Close::Ack => self.0.last_ack.ack(self.0.message.receipt()).await,
            Close::GiveBack(pause) => self.0.message.give_back(pause).await,
            Close::Split { jobs, pause } => {
                return Some(Rest {
                    whole: self.0,
                    jobs,
                    pause,
                });
            }
        }
        None
    }
}

impl Whole {
    fn with<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        step(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn end(&mut self) -> Close {
        self.ended = true;
        self.settle_one()
    }

    fn return_job(&mut self, job: DeliveryJob, pause: Duration) -> Close {
        self.again.push(job);
        self.pause = self.pause.max(pause);
        self.settle_one()
    }

    fn settle_one(&mut self) -> Close {
        self.open = self.open.saturating_sub(1);
        if self.open > 0 {
            return Close::Nothing;
        }
        let pause = self.pause;
        match (self.ended, self.again.is_empty()) {
            (_, true) => Close::Ack,
            (false, false) => Close::GiveBack(pause),
            (true, false) => Close::Split {
                jobs: std::mem::take(&mut self.again),
                pause,
            },
        }
    }
}

/// Jobs of a message that are to come again while others of it have ended.
pub(crate) struct Rest {
    whole: Arc<Whole>,
    jobs: Vec<DeliveryJob>,
    pause: Duration,
}

impl Rest {
    /// Stores them anew and acks the message. To be called after they were reported: they may come
    /// back at once.
    pub(crate) async fn store(self, bus: &Bus) {
        tokio::time::sleep(self.pause).await;
        match self.publish(bus).await {
            Ok(()) => self.whole.message.ack().await,
            Err(error) => {
                tracing::warn!(error = %error, "rest of a message not stored, all of it comes again");
                self.whole.message.give_back(self.pause).await;
            }
        }
    }

    async fn publish(&self, bus: &Bus) -> Result<(), PublishError> {
        for job in &self.jobs {
            bus.publish_job(job).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::{EndpointId, JobMeta};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn job(event: &str) -> DeliveryJob {
        let endpoint = EndpointId::parse("ep_a").unwrap();
        let meta = serde_json::json!({
            "v": 1, "delivery": format!("{event}.{endpoint}"), "event": event,
            "organization": "org_1", "application": "app_1", "endpoint": endpoint, "type": "a",
            "accepted_at": 1, "deadline": 2, "attempt": 1, "trigger": "scheduled", "not_before": 0,
        });
        DeliveryJob {
            meta: serde_json::from_value::<JobMeta>(meta).unwrap(),
            body: "{}".into(),
        }
    }

    fn state(open: usize) -> State {
        State {
            open,
            ..State::default()
        }
    }

    #[test]
    fn a_message_is_acked_with_its_last_job() {
        let mut two = state(2);
        assert_eq!(two.end(), Close::Nothing);
        assert_eq!(two.end(), Close::Ack);
    }

    #[test]
    fn a_message_of_which_nothing_ended_is_given_back_after_the_longest_pause() {
        let mut two = state(2);
        assert_eq!(two.return_job(job("e1"), SECOND), Close::Nothing);
        let close = two.return_job(job("e2"), Duration::ZERO);
        assert_eq!(close, Close::GiveBack(SECOND));
    }

    #[test]
    fn what_has_to_come_again_leaves_what_ended_behind() {
        let mut three = state(3);
        assert_eq!(three.end(), Close::Nothing);
        assert_eq!(three.return_job(job("e2"), SECOND), Close::Nothing);
        let rest = Close::Split {
            jobs: vec![job("e2")],
            pause: SECOND,
        };
        assert_eq!(three.end(), rest);
    }
}
