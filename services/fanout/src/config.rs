//! What fanout can be told.

use std::time::Duration;

use posthorn_chassis::env::Env;
use posthorn_event_schema::EventType;

use crate::callback::Callbacks;

/// fanout's settings.
#[derive(Debug, Clone)]
pub struct FanoutConfig {
    /// Events worked on at a time.
    pub in_flight: usize,
    /// How long after acceptance a delivery may still be attempted; at most 48 h, within which
    /// receivers remember ids.
    pub delivery_window: Duration,
    /// Which events have callbacks.
    pub callbacks: Callbacks,
}

/// How a finished or failed task is told.
const DEFAULT_CALLBACK_TYPES: &str = "task.completed,task.failed";
const DEFAULT_CALLBACK_FIELD: &str = "callback_url";
const DEFAULT_IN_FLIGHT: usize = 128;
/// The product's promise: an endpoint that comes back within two days misses nothing.
const DEFAULT_DELIVERY_WINDOW: Duration = Duration::from_secs(48 * 3600);

impl FanoutConfig {
    /// Reads the settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let config = Self {
            in_flight: env.number("POSTHORN_FANOUT_IN_FLIGHT", DEFAULT_IN_FLIGHT, 1..=10_000),
            delivery_window: env.duration("POSTHORN_DELIVERY_WINDOW", DEFAULT_DELIVERY_WINDOW),
            callbacks: Callbacks {
                event_types: env.parsed(
                    "POSTHORN_CALLBACK_TYPES",
                    types(DEFAULT_CALLBACK_TYPES).unwrap_or_default(),
                    "event types separated by commas, or `none`",
                    types,
                ),
                field: env.string("POSTHORN_CALLBACK_FIELD", DEFAULT_CALLBACK_FIELD),
            },
        };
        let window = config.delivery_window;
        let fits = !window.is_zero() && window <= DEFAULT_DELIVERY_WINDOW;
        env.check(fits, || {
            "POSTHORN_DELIVERY_WINDOW: expected more than 0s and at most 48h".to_owned()
        });
        config
    }
}

fn types(text: &str) -> Option<Vec<EventType>> {
    if text == "none" {
        return Some(Vec::new());
    }
    let names = text.split(',').map(str::trim);
    names.map(|name| EventType::parse(name).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_may_be_of_other_types_or_none() {
        for (text, count) in [
            ("none", Some(0)),
            ("a.b, c", Some(2)),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(types(text).map(|types| types.len()), count, "{text}");
        }
    }

    #[test]
    fn the_window_has_bounds() {
        for (window, good) in [("1ms", true), ("48h", true), ("0s", false), ("49h", false)] {
            let mut env = Env::from_pairs([("POSTHORN_DELIVERY_WINDOW", window)]);
            drop(FanoutConfig::from_env(&mut env));
            assert_eq!(env.finish().is_ok(), good, "{window}");
        }
    }
}
