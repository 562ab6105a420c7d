//! What fanout can be told.

use std::time::Duration;

use posthorn_chassis::env::Env;

/// fanout's settings.
#[derive(Debug, Clone)]
pub struct FanoutConfig {
    /// Events worked on at a time.
    pub in_flight: usize,
    /// How long after acceptance a delivery may still be attempted.
    pub delivery_window: Duration,
}

const DEFAULT_IN_FLIGHT: usize = 128;
/// The product's promise: an endpoint that comes back within two days misses nothing.
const DEFAULT_DELIVERY_WINDOW: Duration = Duration::from_secs(48 * 3600);

impl FanoutConfig {
    /// Reads the settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            in_flight: env.number("POSTHORN_FANOUT_IN_FLIGHT", DEFAULT_IN_FLIGHT, 1..=10_000),
            delivery_window: env.duration("POSTHORN_DELIVERY_WINDOW", DEFAULT_DELIVERY_WINDOW),
        }
    }
}
