//! Starts tasks and ends them: a cancellation token plus a task tracker.
//!
//! `Shutdown` is passed in, never a static, so that a test can stop one service among several.
//! It is the door to `tokio::spawn`: a task that was started elsewhere would be cut off in the middle of
//! its work, because no drain knows about it. Whoever goes around it says why no drain need know.
//! A count kept by hand would be lost when a task panics; the tracker's is not.

use std::{
    any::Any,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metric;

/// How long what is done after the tasks may take altogether; it comes on top of the grace.
const LAST_ACTS_DEADLINE: Duration = Duration::from_secs(1);

/// Tells every part of a process when to stop, and waits for the tasks it has started.
///
/// Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
    last_acts: LastActs,
}

/// What is done once all tasks have ended.
#[derive(Clone, Default)]
struct LastActs(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl fmt::Debug for LastActs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastActs").finish_non_exhaustive()
    }
}

impl Shutdown {
    /// Creates a shutdown that nobody has requested and that has no tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the shutdown; doing it again changes nothing.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Whether the shutdown was requested.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until the shutdown is requested; returns at once when it was.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again at any time.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Starts a task that [`Self::drain`] waits for.
    ///
    /// The task is not stopped by [`Self::trigger`]: it looks at [`Self::requested`] itself, or it
    /// is short. When it panics, the panic is logged under `name`, counted, and handed on through
    /// the `JoinHandle`; it does not hold the drain open.
    ///
    /// # Panics
    ///
    /// When there is no tokio runtime around the call.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // No `async` block, which would have room for the task twice: a delivery's is 14 KiB.
        // Nothing is looked at after a panic, so that no broken invariant can be seen.
        let ended = AssertUnwindSafe(task).catch_unwind();
        self.tasks
            .spawn(ended.map(move |ended| ended.unwrap_or_else(|panic| report_panic(name, panic))))
    }

    /// Has `act` done once all tasks have ended, or were given up: what flushes connections that
    /// tasks write to until their end. All such acts together get a second.
    pub fn at_end(&self, act: impl Future<Output = ()> + Send + 'static) {
        let mut acts = self
            .last_acts
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        acts.push(act.boxed());
    }

    /// How many tasks have not ended yet.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until every task has ended, at most for `grace`.
    ///
    /// Returns how many tasks were left at the deadline; they go on until the runtime is dropped.
    /// The shutdown is not requested here: whoever drains has done that before, in its own order.
    ///
    /// Shown by `a_drain_gives_up_at_the_deadline_and_counts`.
    pub async fn drain(&self, grace: Duration) -> usize {
        self.tasks.close();
        let waited = tokio::time::timeout(grace, self.tasks.wait()).await;
        let left = waited.map_or_else(|_deadline| self.tasks.len(), |()| 0);
        self.act_last().await;
        left
    }

    async fn act_last(&self) {
        let acts = {
            let mut acts = self
                .last_acts
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *acts)
        };
        let all = futures::future::join_all(acts);
        if tokio::time::timeout(LAST_ACTS_DEADLINE, all).await.is_err() {
            tracing::warn!("not everything was flushed");
        }
    }
}

/// Runs `task`; a panic in it is logged and counted before it goes on to the `JoinHandle`.
fn report_panic(name: &'static str, panic: Box<dyn Any + Send>) -> ! {
    tracing::error!(task = name, panic = panic_text(&*panic), "task panicked");
    metric::Counter::TaskPanics.add(1, &[("task", name)]);
    std::panic::resume_unwind(panic)
}

/// What the panic said; panics carry a text unless somebody raised one with another payload.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&'static str>().copied();
    literal
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const GRACE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn whoever_waits_learns_of_the_request() {
        let shutdown = Shutdown::new();
        let waiting = shutdown.clone();
        let task = shutdown.spawn("waiting", async move { waiting.requested().await });
        assert!(!shutdown.is_requested());

        shutdown.trigger();

        task.await.unwrap();
        assert!(shutdown.is_requested());
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_work_in_flight() {
        let shutdown = Shutdown::new();
        shutdown.spawn("slow", tokio::time::sleep(GRACE / 2));
        let started = tokio::time::Instant::now();

        assert_eq!(shutdown.drain(GRACE).await, 0);

        assert_eq!(started.elapsed(), GRACE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_gives_up_at_the_deadline_and_counts() {
        let shutdown = Shutdown::new();
        shutdown.spawn("stuck", pending::<()>());
        shutdown.spawn("stuck", pending::<()>());
        shutdown.spawn("quick", async {});
        let started = tokio::time::Instant::now();

        assert_eq!(shutdown.drain(GRACE).await, 2);

        assert_eq!(started.elapsed(), GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_task_does_not_hold_the_drain_open() {
        let shutdown = Shutdown::new();
        let task = shutdown.spawn("broken", async { panic!("as the test wants it") });

        assert_eq!(shutdown.drain(GRACE).await, 0);

        assert!(task.await.unwrap_err().is_panic());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_started_while_draining_is_waited_for() {
        let shutdown = Shutdown::new();
        let inner = shutdown.clone();
        shutdown.spawn("outer", async move {
            tokio::time::sleep(GRACE / 4).await;
            inner.spawn("inner", tokio::time::sleep(GRACE / 4));
        });
        let started = tokio::time::Instant::now();

        assert_eq!(shutdown.drain(GRACE).await, 0);

        assert_eq!(started.elapsed(), GRACE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_last_comes_after_all_tasks_and_never_hangs() {
        let shutdown = Shutdown::new();
        let ended = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let ended = Arc::clone(&ended);
            move || ended.lock().unwrap().push(what)
        };
        let (task, act) = (note("task"), note("act"));
        shutdown.at_end(async move { act() });
        shutdown.at_end(pending::<()>());
        shutdown.spawn("work", async move {
            tokio::time::sleep(GRACE / 2).await;
            task();
        });
        let started = tokio::time::Instant::now();

        assert_eq!(shutdown.drain(GRACE).await, 0);

        assert_eq!(*ended.lock().unwrap(), ["task", "act"]);
        assert_eq!(started.elapsed(), GRACE / 2 + LAST_ACTS_DEADLINE);
    }

    #[test]
    fn a_panic_is_told_in_its_own_words() {
        assert_eq!(panic_text(&"literal"), "literal");
        assert_eq!(panic_text(&String::from("formatted")), "formatted");
        assert_eq!(panic_text(&5_u8), "no text");
    }
}
