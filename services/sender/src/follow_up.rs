//! What follows from an attempt, or from the lack of one: the one place where time limits, schedule,
//! wishes and answers come together. Pure.

use posthorn_event_schema::{CancelReason, JobMeta, Timestamp, Trigger};

use crate::answer::Answer;
use crate::classify;
use crate::retry::{self, Decision, Failed, RetrySchedule};
use crate::wish;

/// What an answer means for its delivery and for the others of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowUp {
    /// What becomes of the delivery; `None` = it was taken.
    pub decision: Option<Decision>,
    /// The endpoint gets nothing before that.
    pub hold_until: Option<Timestamp>,
    /// The endpoint asked to be disabled.
    pub disabling: bool,
}

/// Why no attempt may start at `now` any more, if that is so.
#[must_use]
pub fn too_late(meta: &JobMeta, now: Timestamp) -> Option<CancelReason> {
    if meta.expires_at.is_some_and(|at| now > at) {
        Some(CancelReason::Expired)
    } else if now > meta.deadline {
        Some(CancelReason::DeadlinePassed)
    } else {
        None
    }
}

/// Decides what follows from an answer. `schedule` is the one that applies to the delivery.
#[must_use]
pub fn of(
    meta: &JobMeta,
    schedule: &RetrySchedule,
    answer: &Answer,
    ended_at: Timestamp,
) -> FollowUp {
    let failed = classify::failure(answer).is_some();
    let retry_after = match answer {
        Answer::Http {
            retry_after: Some(value),
            ..
        } if failed => retry::parse_retry_after(value, ended_at),
        Answer::Http { .. } | Answer::Failed { .. } => None,
    };
    let asked = wish::of(answer);
    let decision = failed.then(|| {
        if asked.is_some() {
            return Decision::Exhausted;
        }
        let failed = Failed {
            endpoint: &meta.endpoint,
            attempt: meta.attempt,
            line: meta.line,
            once: meta.trigger == Trigger::Manual || meta.callback.is_some(),
            ended_at,
            deadline: meta.deadline,
            expires_at: meta.expires_at,
            retry_after,
        };
        retry::decide(&failed, schedule)
    });
    let disabling = asked.is_some_and(|wish| wish.disables());
    let pause = retry_after.map(|wait| ended_at.plus(wait.min(retry::MAX_RETRY_AFTER)));
    // The delivery's last chance before its deadline is one also when the receiver asks for longer.
    let pause = match decision {
        Some(Decision::Retry { at, .. }) => pause.map(|until| until.min(at)),
        Some(Decision::Expired { .. } | Decision::Exhausted) | None => pause,
    };
    let withdrawal = disabling.then(|| ended_at.plus(wish::HOLD));
    FollowUp {
        decision,
        hold_until: pause.max(withdrawal),
        disabling,
    }
}
