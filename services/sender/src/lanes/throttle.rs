//! An endpoint's rate of deliveries. Pure.
//!
//! *Source* of the method: the generic cell rate algorithm (ITU-T I.371), which needs one moment of
//! state, and no timer while there is nothing to deliver.

use std::time::Duration;

use posthorn_event_schema::Timestamp;

/// How far starts may run ahead of the rate: what may go out at once after a pause. With it, ten
/// seconds see at most 1 % more than the rate allows (and one delivery, whatever the rate).
const BURST: Duration = Duration::from_millis(100);

/// When an endpoint may get its next delivery, as far as its rate decides.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Deliveries per second; `None` = as many as there are.
    rate: Option<u16>,
    /// When the next one would be due at an even pace.
    even: Timestamp,
}

impl Throttle {
    /// Sets the rate; 0 is read as 1.
    pub(super) fn set(&mut self, rate: Option<u16>) {
        self.rate = rate;
    }

    /// The earliest moment of the next start.
    pub(super) fn opens_at(&self) -> Timestamp {
        match self.rate {
            Some(_) => self.even.minus(BURST.saturating_sub(self.interval())),
            None => Timestamp::default(),
        }
    }

    /// Until when it must be remembered what was started.
    pub(super) fn remembered_until(&self) -> Timestamp {
        match self.rate {
            Some(_) => self.even,
            None => Timestamp::default(),
        }
    }

    /// A delivery starts.
    pub(super) fn take(&mut self, now: Timestamp) {
        if self.rate.is_some() {
            self.even = self.even.max(now).plus(self.interval());
        }
    }

    /// A start came to nothing.
    pub(super) fn give_back(&mut self) {
        self.even = self.even.minus(self.interval());
    }

    fn interval(&self) -> Duration {
        let rate = self.rate.map_or(0, |rate| u32::from(rate.max(1)));
        if rate == 0 {
            return Duration::ZERO;
        }
        Duration::from_secs(1) / rate
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    /// How many start within so many milliseconds if there is always one more.
    fn started(rate: u16, millis: u64) -> u64 {
        let mut throttle = Throttle::default();
        throttle.set(Some(rate));
        let mut count = 0;
        for now in (0..millis).map(at) {
            while throttle.opens_at() <= now {
                throttle.take(now);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut throttle = Throttle::default();
        for _ in 0..1_000 {
            throttle.take(at(0));
        }
        assert!(throttle.opens_at() <= at(0));
    }

    #[test]
    fn a_start_that_came_to_nothing_costs_nothing() {
        let mut throttle = Throttle::default();
        throttle.set(Some(1));
        throttle.take(at(0));
        assert_eq!(throttle.opens_at(), at(1_000));
        throttle.give_back();
        assert!(throttle.opens_at() <= at(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn ten_seconds_see_the_rate_within_a_twentieth(rate in 1_u16..2_000) {
            let started = started(rate, 10_000);
            let even = u64::from(rate) * 10;
            prop_assert!(started >= even - even / 20, "{started} of {even}");
            prop_assert!(started <= even + even / 20 + 1, "{started} of {even}");
        }
    }
}
