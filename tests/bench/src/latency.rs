//! Times, kept so that percentiles are exact to three digits.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// The times of one kind of act.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// None yet.
    ///
    /// # Panics
    /// Never: three digits are a good number.
    pub(crate) fn new() -> Self {
        Self(Histogram::new(3).expect("three digits can be kept"))
    }

    /// Adds one.
    ///
    /// # Panics
    /// Never: the range grows with what is added.
    pub(crate) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.record(nanos).expect("it grows as needed");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that a share of all acts stayed below, in milliseconds.
    pub(crate) fn millis(&self, quantile: f64) -> f64 {
        let nanos = u32::try_from(self.0.value_at_quantile(quantile) / 1_000).unwrap_or(u32::MAX);
        f64::from(nanos) / 1_000.0
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "count": self.count(),
            "p50_ms": self.millis(0.5),
            "p90_ms": self.millis(0.9),
            "p99_ms": self.millis(0.99),
            "max_ms": self.millis(1.0),
        })
    }
}
