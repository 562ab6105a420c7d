//! Waiting for a state instead of for a time.

use std::{
    future::Future,
    panic::Location,
    time::{Duration, Instant},
};

/// The first looks come quickly, for states that are there at once; later ones are cheap.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Calls `look` until it returns `Ok`, and returns that value.
///
/// `look` says in its `Err` what it saw instead. It is called at least once, also with no time left.
///
/// # Panics
/// After `timeout`, at the caller's line, with `what` was waited for and what was seen last; also
/// when a single look hangs.
///
/// ```
/// # use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
/// # use posthorn_harness::eventually;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let looks = AtomicU32::new(0);
/// let seen = eventually(Duration::from_secs(5), "three looks", async || {
///     match looks.fetch_add(1, Ordering::Relaxed) + 1 {
///         count @ 3.. => Ok(count),
///         count => Err(format!("{count} looks so far")),
///     }
/// });
/// assert_eq!(seen.await, 3);
/// # }
/// ```
#[track_caller]
pub fn eventually<T, L>(
    timeout: Duration,
    what: &str,
    mut look: L,
) -> impl Future<Output = T> + use<'_, T, L>
where
    L: AsyncFnMut() -> Result<T, String>,
{
    let caller = Location::caller();
    async move {
        let started = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        let mut last = "nothing, the first look did not return".to_owned();
        loop {
            let left = timeout
                .saturating_sub(started.elapsed())
                .max(SHORTEST_PAUSE);
            match tokio::time::timeout(left, look()).await {
                Ok(Ok(value)) => return value,
                Ok(Err(seen)) => last = seen,
                Err(_late) => {}
            }
            assert!(
                started.elapsed() < timeout,
                "{caller}: not within {timeout:?}: {what}; seen last: {last}"
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::eventually;

    #[tokio::test]
    async fn a_state_that_comes_later_is_returned() {
        let mut looks = 0;
        let seen = eventually(Duration::from_secs(5), "the third look", async || {
            looks += 1;
            if looks < 3 {
                Err(looks.to_string())
            } else {
                Ok(looks)
            }
        });
        assert_eq!(seen.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "not within 30ms: rain; seen last: sunshine")]
    async fn a_state_that_does_not_come_is_described() {
        let look = async || Err::<(), _>("sunshine".to_owned());
        eventually(Duration::from_millis(30), "rain", look).await;
    }

    #[tokio::test]
    #[should_panic(expected = "the first look did not return")]
    async fn a_look_that_hangs_is_given_up() {
        let look = async || std::future::pending::<Result<(), String>>().await;
        eventually(Duration::from_millis(30), "rain", look).await;
    }
}
