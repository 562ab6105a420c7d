//! When deliveries are retried where neither an endpoint nor an event type says so: only senders are told,
//! and say it with their heartbeats.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::{Bus, members::Member};
use posthorn_chassis::error_chain;
use posthorn_event_schema::{EndpointId, Partition};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How old an answer may be: many who look cost the server no more than one.
const FRESH: Duration = Duration::from_secs(5);
/// How long an answer may take. Who asks waits for it, and it is not worth more.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the senders said last.
#[derive(Debug, Clone, Default)]
pub(crate) struct DefaultSchedule(Arc<Mutex<Option<Look>>>);

#[derive(Debug)]
struct Look {
    at: Instant,
    members: Vec<Member>,
}

impl DefaultSchedule {
    /// The waits between attempts in milliseconds, by the sender that works for the endpoint, or by any;
    /// `None` while no sender has said so. What was said last counts while NATS does not answer.
    pub(crate) async fn waits_ms(
        &self,
        bus: &Bus,
        endpoint: Option<&EndpointId>,
    ) -> Option<Vec<u64>> {
        let mut last = self.0.lock().await;
        let stale = last.as_ref().is_none_or(|last| last.at.elapsed() >= FRESH);
        if stale {
            let found = look(bus).await;
            let known = last.take().map(|last| last.members);
            let members = found.or(known).unwrap_or_default();
            let at = Instant::now();
            *last = Some(Look { at, members });
        }
        said(&last.as_ref()?.members, endpoint).map(<[u64]>::to_vec)
    }
}

/// The senders in the order of their names; `None` when NATS does not say.
async fn look(bus: &Bus) -> Option<Vec<Member>> {
    let list = async { bus.members().await?.list().await };
    let reason = match timeout(PATIENCE, list).await {
        Ok(Ok(members)) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(one, _), (next, _)| one.cmp(next));
            return Some(members.into_iter().map(|(_, (member, _))| member).collect());
        }
        Ok(Err(error)) => error_chain::chain(&error),
        Err(_elapsed) => format!("no answer within {PATIENCE:?}"),
    };
    tracing::warn!(reason, "the senders could not be listed");
    None
}

/// What the sender of an endpoint says; while it is handed over, what another one says. Pure.
fn said<'a>(members: &'a [Member], endpoint: Option<&EndpointId>) -> Option<&'a [u64]> {
    let partition = endpoint.map(Partition::of);
    let works = |member: &&Member| partition.is_some_and(|p| member.holds.contains(&p));
    let of_endpoint = members.iter().filter(works);
    let mut waits = of_endpoint
        .chain(members)
        .filter_map(|member| member.retry_waits_ms.as_deref());
    waits.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_that_works_for_an_endpoint_is_believed_first() {
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let partition = Partition::of(&endpoint);
        let member = |holds: &[Partition], waits: Option<&[u64]>| Member {
            holds: holds.to_vec(),
            leaving: false,
            retry_waits_ms: waits.map(<[u64]>::to_vec),
        };
        let idle = member(&[], Some(&[1]));
        let owner = member(&[partition], Some(&[2]));
        let old = member(&[partition], None);
        let fleet = [idle.clone(), owner];
        assert_eq!(said(&fleet, Some(&endpoint)), Some(&[2][..]));
        assert_eq!(said(&fleet, None), Some(&[1][..]));
        assert_eq!(said(&[old.clone(), idle], Some(&endpoint)), Some(&[1][..]));
        assert_eq!(said(&[old], Some(&endpoint)), None);
        assert_eq!(said(&[], None), None);
    }
}
