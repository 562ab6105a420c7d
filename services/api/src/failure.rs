//! From failures of the store and of NATS to answers.

use posthorn_bus::BusError;
use posthorn_public_http::ApiError;
use posthorn_store::StoreError;

use crate::paging;

/// The answer to a request that the store could not serve.
pub(crate) fn store(error: &StoreError) -> ApiError {
    match error {
        StoreError::UnknownIterator => paging::bad_iterator(),
        StoreError::Unavailable(_) | StoreError::TimedOut => {
            let reason = posthorn_chassis::error_chain::chain(error);
            tracing::warn!(reason, "the database did not answer");
            ApiError::unavailable("The database is not available, try again later.")
        }
        StoreError::Conflict { .. } => ApiError::conflict("conflict", "A conflict has occurred"),
        StoreError::Data(_)
        | StoreError::DayOutOfRange(_)
        | StoreError::NoPartition
        | StoreError::Corrupt { .. }
        | StoreError::Other(_) => ApiError::internal(error),
    }
}

/// The answer to a question that NATS did not answer.
pub(crate) fn bus(error: &BusError) -> ApiError {
    let reason = posthorn_chassis::error_chain::chain(error);
    tracing::warn!(reason, "NATS did not answer");
    ApiError::unavailable("The message queue is not available, try again later.")
}
