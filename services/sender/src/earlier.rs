//! Bringing over what builds for which JOBS was one stream still put there, see
//! [`posthorn_bus::earlier_jobs`].

use std::sync::Arc;
use std::time::Duration;

use posthorn_chassis::error_chain;
use posthorn_event_schema::{Partition, subject};

use crate::lease::Tenure;
use crate::partition::Shared;

/// Pause before the first look: the acks of whoever had the partition before have come by then.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(5);

/// Brings over the jobs of a partition until its tenure ends, if the server has such a stream.
pub(crate) async fn bring_over(shared: Arc<Shared>, partition: Partition, tenure: Tenure) {
    let Some(earlier) = &shared.earlier_jobs else {
        return;
    };
    let all = subject::jobs_of(partition);
    let mut pause = FIRST_PAUSE;
    loop {
        let brought = tokio::select! {
            brought = async {
                tokio::time::sleep(pause).await;
                earlier.bring_over(&all).await
            } => brought,
            () = tenure.over() => return,
        };
        match brought {
            Ok(0) => {}
            Ok(messages) => {
                tracing::info!(%partition, messages, "jobs of an earlier build taken over");
            }
            Err(error) => {
                let reason = error_chain::chain(&error);
                tracing::warn!(%partition, reason, "jobs of an earlier build not taken over yet");
            }
        }
        pause = PAUSE;
    }
}
