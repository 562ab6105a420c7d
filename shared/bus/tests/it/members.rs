//! The senders' heartbeats.

use std::time::Duration;

use posthorn_bus::members::Member;
use posthorn_event_schema::Partition;
use posthorn_harness::eventually;

#[tokio::test]
async fn members_are_listed_until_they_leave_or_fall_silent() {
    let (_nats, bus) = crate::start().await;
    let members = bus.members().await.unwrap();
    assert!(members.list().await.unwrap().is_empty());
    let holds: Vec<_> = Partition::all().take(3).collect();
    members
        .heartbeat(
            "a",
            &Member {
                holds: holds.clone(),
                leaving: false,
                retry_waits_ms: None,
            },
        )
        .await
        .unwrap();
    members
        .heartbeat(
            "b",
            &Member {
                holds: Vec::new(),
                leaving: true,
                retry_waits_ms: None,
            },
        )
        .await
        .unwrap();
    let listed = members.list().await.unwrap();
    assert_eq!(listed["a"].0.holds, holds);
    assert!(!listed["a"].0.leaving && listed["b"].0.leaving);
    assert_eq!(listed.len(), 2);

    members.leave("b").await.unwrap();
    assert_eq!(members.list().await.unwrap().len(), 1);
    eventually(
        Duration::from_secs(12),
        "the silent one to expire",
        async || {
            let listed = members.list().await.map_err(|error| error.to_string())?;
            if listed.is_empty() {
                Ok(())
            } else {
                Err(format!("{listed:?}"))
            }
        },
    )
    .await;
}
