//! The two generations of the SDK, under the names of the newer one.

/// The field that selects event types, for an endpoint.
pub const TYPES: &str = if cfg!(feature = "v2") {
    "eventTypes"
} else {
    "filterTypes"
};

#[cfg(feature = "v1")]
pub use svix::api::{MessageIn, Ordering};
#[cfg(feature = "v2")]
pub use svix::models::{MessageIn, Ordering};

#[cfg(feature = "v2")]
mod generation {
    macro_rules! upsert {
        ($api:expr, $($argument:expr),+) => { $api.upsert($($argument),+) };
    }
    macro_rules! set_headers {
        ($api:expr, $($argument:expr),+) => { $api.set_headers($($argument),+) };
    }
    pub(crate) use {set_headers, upsert};
}

#[cfg(feature = "v1")]
mod generation {
    macro_rules! upsert {
        ($api:expr, $($argument:expr),+) => { $api.update($($argument),+) };
    }
    macro_rules! set_headers {
        ($api:expr, $($argument:expr),+) => { $api.update_headers($($argument),+) };
    }
    pub(crate) use {set_headers, upsert};
}

pub(crate) use generation::{set_headers, upsert};
