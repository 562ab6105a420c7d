//! What the recorder can be told.

use std::time::Duration;

use posthorn_chassis::env::Env;
use posthorn_store::history::days;

/// The recorder's settings.
#[derive(Debug, Clone)]
pub struct RecorderConfig {
    /// `POSTHORN_RECORDER_BATCH_ROWS`: records per transaction at most. Default 4,000, so that a
    /// transaction takes what comes in the batch age at the highest rate measured.
    pub batch_rows: usize,
    /// `POSTHORN_RECORDER_BATCH_AGE`: how long a first message waits for others. Default 100 ms:
    /// history is behind by no more than a person notices, and a delivery that succeeds at once is mostly
    /// one row written once, not a row that is changed. *Source*: 0.041 instead of 0.053 core-seconds of
    /// PostgreSQL per 1,000 deliveries with 50 ms and 500 records.
    pub batch_age: Duration,
    /// `POSTHORN_RETENTION_DAYS`: how many whole days history is kept. Default 90, as Svix does.
    pub retention_days: u16,
}

impl RecorderConfig {
    /// Default of [`RecorderConfig::batch_rows`].
    pub const BATCH_ROWS: usize = 4_000;
    /// Default of [`RecorderConfig::batch_age`].
    pub const BATCH_AGE: Duration = Duration::from_millis(100);

    /// Messages that are taken at a time at most. Each carries one or several records.
    pub(crate) const MESSAGES: usize = 500;

    /// Reads the settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            batch_rows: env.number("POSTHORN_RECORDER_BATCH_ROWS", Self::BATCH_ROWS, 1..=10_000),
            batch_age: env.duration("POSTHORN_RECORDER_BATCH_AGE", Self::BATCH_AGE),
            retention_days: days::retention_days(env),
        }
    }
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            batch_rows: Self::BATCH_ROWS,
            batch_age: Self::BATCH_AGE,
            retention_days: days::DEFAULT_RETENTION_DAYS,
        }
    }
}
