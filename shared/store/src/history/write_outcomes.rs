//! Writing outcomes, a batch at a time.

use std::collections::BTreeSet;

use posthorn_event_schema::{DeliveryId, Outcome};
use time::Date;

use super::aftermath::Aftermath;
use super::days::day_to_write;
use super::delivery_row::DeliveryRow;
use super::facts::DeliveryFacts;
use super::write_attempts::AttemptRow;
use super::write_deliveries;
use super::write_fanouts::FanoutColumns;
use crate::append::{Expected, append};
use crate::{Store, StoreError};

impl Store {
    /// Writes outcomes: fan-out decisions, attempts, what they mean for their deliveries, and what
    /// follows from attempts that are new: endpoints to disable, endpoints that fail, what
    /// organisations are to be told, and figures.
    ///
    /// *Guarantee*: once it returns `Ok`, the whole batch is durable. It is one transaction, so
    /// after an `Err` either all or none of it was written. Outcomes may come in any order and
    /// more than once: the rows end up the same, as
    /// `any_order_of_outcomes_ends_in_the_same_rows` shows.
    ///
    /// # Errors
    /// With [`StoreError::is_data`], at least one outcome can never be written: try its neighbours
    /// without it. With any other error, repeat the batch later.
    pub async fn write_outcomes(&self, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let batch = OutcomeBatch::of(outcomes)?;
        self.ensure_days(&batch.days).await?;
        match self.insert_outcomes(&batch, Expected::New).await {
            Err(StoreError::NoPartition) => {
                self.known_days.forget();
                self.ensure_days(&batch.days).await?;
            }
            Err(StoreError::Conflict { .. }) => {}
            result => return result,
        }
        self.insert_outcomes(&batch, Expected::SomeKnown).await
    }

    async fn insert_outcomes(
        &self,
        batch: &OutcomeBatch<'_>,
        expected: Expected,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        batch.fanouts.insert(&mut transaction).await?;
        let new = append(&batch.attempts, expected, &mut transaction).await?;
        write_deliveries::write(&batch.deliveries, expected, &mut transaction).await?;
        let aftermath = Aftermath::of(batch.outcomes, &new);
        aftermath.write(&mut transaction).await?;
        transaction.commit().await
    }
}

/// A batch's rows, table by table.
struct OutcomeBatch<'a> {
    outcomes: &'a [Outcome],
    days: BTreeSet<Date>,
    fanouts: FanoutColumns<'a>,
    /// In the order of the outcomes.
    attempts: Vec<AttemptRow<'a>>,
    /// In the key's order.
    deliveries: Vec<DeliveryRow<'a>>,
}

impl<'a> OutcomeBatch<'a> {
    fn of(outcomes: &'a [Outcome]) -> Result<Self, StoreError> {
        let mut days = BTreeSet::new();
        let mut verdicts = Vec::new();
        let mut attempts = Vec::new();
        let mut deliveries = Vec::new();
        for outcome in outcomes {
            let day = match outcome {
                Outcome::Fanout(verdict) => {
                    let day = day_to_write(verdict.accepted_at)?;
                    verdicts.push((day, verdict));
                    for endpoint in verdict.matched() {
                        deliveries.push((day, DeliveryFacts::matched(verdict, endpoint)));
                    }
                    day
                }
                Outcome::Attempt(attempt) => {
                    let day = day_to_write(attempt.accepted_at)?;
                    attempts.push(AttemptRow::of(day, attempt));
                    deliveries.push((day, DeliveryFacts::attempted(attempt)));
                    day
                }
                Outcome::Cancelled(cancelled) => {
                    let day = day_to_write(cancelled.accepted_at)?;
                    deliveries.push((day, DeliveryFacts::cancelled(cancelled)));
                    day
                }
            };
            days.insert(day);
        }
        let fanouts = FanoutColumns::of(verdicts);
        Ok(Self {
            outcomes,
            days,
            fanouts,
            attempts,
            deliveries: one_each(deliveries),
        })
    }
}

/// One row for each delivery, in the key's order: two writers that share rows then lock them in the same
/// order.
fn one_each<'a>(mut pieces: Vec<(Date, DeliveryFacts<'a>)>) -> Vec<DeliveryRow<'a>> {
    pieces.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
    let mut merged: Vec<(Date, DeliveryFacts<'a>)> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match merged.last_mut() {
            Some(known) if key(known) == key(&piece) => known.1.merge(&piece.1),
            _ => merged.push(piece),
        }
    }
    let rows = merged.iter();
    rows.map(|(day, facts)| DeliveryRow::of(*day, facts))
        .collect()
}

fn key<'a>((day, facts): &'a (Date, DeliveryFacts<'_>)) -> (&'a str, &'a DeliveryId, Date) {
    (facts.application.as_str(), &facts.id, *day)
}
