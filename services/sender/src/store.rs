//! Storing what follows from an attempt, however long NATS is away.
//!
//! A request was made and cannot be unmade, so its outcome is held until it is stored: giving up
//! would repeat the request. Only the end of the process ends the trying.

use std::time::Duration;

use posthorn_bus::{BusError, PublishError};

/// First pause between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Publishes until the server has stored the message.
///
/// # Errors
/// Only a message that can never be stored.
pub(crate) async fn until_stored<F, S>(mut publish: impl FnMut() -> F) -> Result<S, PublishError>
where
    F: Future<Output = Result<S, PublishError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match publish().await {
            Err(error) if error.is_transient() => {
                tracing::warn!(error = %error, "outcome not stored yet");
                pause = wait(pause).await;
            }
            settled => return settled,
        }
    }
}

/// Repeats a request to NATS until it succeeds.
pub(crate) async fn until_done<F>(mut request: impl FnMut() -> F)
where
    F: Future<Output = Result<(), BusError>>,
{
    let mut pause = FIRST_PAUSE;
    while let Err(error) = request().await {
        tracing::warn!(error = %posthorn_chassis::error_chain::chain(&error), "request repeated");
        pause = wait(pause).await;
    }
}

async fn wait(pause: Duration) -> Duration {
    tokio::time::sleep(pause).await;
    (pause * 2).min(LONGEST_PAUSE)
}
