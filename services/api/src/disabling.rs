//! Disables endpoints without a person: those whose receiver asks for it, and those that have
//! failed for days, whose organisation is warned before.
//!
//! The sender has no database, so a wish travels in the record of its attempt; the recorder writes
//! an order with it, and here it is carried out: first the row, then the fleet's snapshot, and only
//! then the order is deleted. Any process may do any of it at any time, twice as well.
//!
//! *Guarantee*: an order is carried out although every process dies in the middle; whoever lives
//! finds it a second later. A person who enabled the endpoint meanwhile wins. Shown by
//! `what_a_crash_left_is_found_again` and `an_old_wish_does_not_override_who_enabled_the_endpoint`.

use std::time::Duration;

use posthorn_chassis::{Shutdown, error_chain};
use posthorn_event_schema::Timestamp;
use posthorn_store::disabling::{DisableOrder, Patience};
use posthorn_store::{Store, StoreError};

use crate::moment;
use crate::snapshot::{SnapshotError, SnapshotWriter};

/// How often orders are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// How often endpoints are looked for that have failed for too long: it is a matter of days.
const LOOK_AT_FAILURES: Duration = Duration::from_secs(60);
/// Shares of the shortest time of failures that matters, to be late by no more than that.
const LOOKS_AT_FAILURES: u32 = 4;
/// Orders read at one time.
const PAGE: u16 = 200;
/// First and last failure are at least so far apart: one bad night is no reason. *Source*: Svix.
const AT_LEAST_APART: Duration = Duration::from_secs(12 * 3_600);

/// Disables endpoints.
#[derive(Clone)]
pub struct Disabler {
    store: Store,
    snapshots: SnapshotWriter,
    patience: Option<Patience>,
    /// Ascending.
    warn_after: Vec<Duration>,
}

impl Disabler {
    /// One that disables endpoints that failed for `after`, zero = it only carries out wishes; and
    /// that warns of those that failed for each of `warn_after`, which ascends.
    #[must_use]
    pub fn new(
        store: Store,
        snapshots: SnapshotWriter,
        after: Duration,
        warn_after: Vec<Duration>,
    ) -> Self {
        let patience = Patience {
            failing_for: after,
            at_least_apart: AT_LEAST_APART,
        };
        Self {
            store,
            snapshots,
            patience: (!after.is_zero()).then_some(patience),
            warn_after,
        }
    }

    /// Disables what is to be disabled, until shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        let orders = async {
            loop {
                if let Err(error) = self.carry_out(moment::now()).await {
                    let reason = error_chain::chain(&error);
                    tracing::warn!(reason, "endpoints not disabled yet, trying again");
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let pause = self.pause_between_looks();
        let failures = async {
            loop {
                if let Err(error) = self.look_at_failures(moment::now()).await {
                    let reason = error_chain::chain(&error);
                    tracing::warn!(reason, "failing endpoints not looked at, trying later");
                }
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! {
            () = orders => {}
            () = failures => {}
            () = shutdown.requested() => {}
        }
    }

    fn pause_between_looks(&self) -> Duration {
        let shortest = self.warn_after.first().map(|age| *age / LOOKS_AT_FAILURES);
        shortest.map_or(LOOK_AT_FAILURES, |share| {
            share.clamp(LOOK, LOOK_AT_FAILURES)
        })
    }

    /// Carries out all orders that wait; one that fails does not hold up the others.
    ///
    /// # Errors
    /// The first failure, of PostgreSQL or NATS; what was not done stays ordered.
    pub async fn carry_out(&self, now: Timestamp) -> Result<(), SnapshotError> {
        loop {
            let orders = self.store.disable_orders(PAGE).await?;
            let mut failed = None;
            for order in &orders {
                if let Err(error) = self.carry_out_one(order, now).await {
                    failed.get_or_insert(error);
                }
            }
            match failed {
                Some(error) => return Err(error),
                None if orders.len() < usize::from(PAGE) => return Ok(()),
                None => {}
            }
        }
    }

    /// The fleet is told even when there was nothing to change: whoever changed it may have died.
    async fn carry_out_one(
        &self,
        order: &DisableOrder,
        now: Timestamp,
    ) -> Result<(), SnapshotError> {
        let (application, endpoint) = (&order.application, &order.endpoint);
        if self.store.carry_out(order, now).await? {
            let reason = order.reason.as_str();
            tracing::info!(posthorn.endpoint.id = %endpoint, reason, "endpoint disabled");
        }
        self.snapshots.write_endpoint(application, endpoint).await?;
        self.store.forget_disable_order(order).await?;
        Ok(())
    }

    /// Orders that endpoints be disabled which have failed for too long, and notes warnings of those
    /// that have failed for long.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn look_at_failures(&self, now: Timestamp) -> Result<(), StoreError> {
        self.store.forget_idle_failures().await?;
        if let Some(patience) = self.patience {
            self.store.order_failing(now, patience).await?;
        }
        let disabled_after = self.patience.map(|patience| patience.failing_for);
        for age in self.warn_after.iter().rev() {
            let warned = self.store.note_failing(*age, disabled_after, now).await?;
            if warned > 0 {
                let age_s = age.as_secs();
                tracing::info!(warned, age_s, "endpoints only fail");
            }
        }
        Ok(())
    }
}
