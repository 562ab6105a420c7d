//! Waiting until an event of a fixed rate is due.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How late the runtime's timer is by itself, at most. *Source*: tokio rounds moments up to a millisecond of
/// its own, and what it tells epoll to wait to a whole one again.
const TIMER: Duration = Duration::from_millis(2);

/// Waits until a moment; tells from when the time of what is due then counts.
///
/// It is that moment, however late whatever came before it was, so that nothing is left out while a server
/// is slow. Only the timer's own lateness does not count: it would be a third of what is measured at a
/// low rate.
pub(crate) async fn wait_until(due: Instant) -> Instant {
    let idle = Instant::now() < due;
    sleep_until(due).await;
    counts_from(due, idle, Instant::now())
}

fn counts_from(due: Instant, idle: bool, now: Instant) -> Instant {
    if idle { now.min(due + TIMER) } else { due }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_timers_own_lateness_does_not_count() {
        let due = Instant::now();
        let after = |micros| due + Duration::from_micros(micros);
        assert_eq!(counts_from(due, true, after(700)), after(700));
        assert_eq!(counts_from(due, true, after(5_000)), due + TIMER);
        assert_eq!(counts_from(due, false, after(700)), due);
    }
}
