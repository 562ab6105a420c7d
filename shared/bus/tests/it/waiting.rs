//! The waiting room: FIFO lanes, read by place, deleted one by one.

use std::time::Duration;

use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{AttemptNumber, DeliveryJob, Partition};

use crate::samples;

#[tokio::test]
async fn a_lane_is_read_in_order_and_deleted_head_by_head() {
    let (_nats, bus) = crate::start().await;
    let endpoint = samples::endpoint("a");
    let lane = WaitingSubject {
        lane: Lane::Next,
        endpoint: endpoint.clone(),
    };
    assert_eq!(
        bus.waiting_next(&lane, 0)
            .await
            .unwrap()
            .map(|w| w.sequence),
        None
    );
    for id in ["event_1", "event_2", "event_3"] {
        bus.publish_waiting(&lane, &samples::job(id, &endpoint))
            .await
            .unwrap();
    }
    let again = bus
        .publish_waiting(&lane, &samples::job("event_1", &endpoint))
        .await
        .unwrap();
    assert!(again.duplicate);

    let head = bus.waiting_next(&lane, 0).await.unwrap().unwrap();
    assert_eq!(
        DeliveryJob::decode(&head.payload).unwrap(),
        samples::job("event_1", &endpoint)
    );
    let second = bus
        .waiting_next(&lane, head.sequence + 1)
        .await
        .unwrap()
        .unwrap();
    bus.waiting_delete(head.sequence).await.unwrap();
    bus.waiting_delete(head.sequence).await.unwrap();
    let next = bus.waiting_next(&lane, 0).await.unwrap().unwrap();
    assert_eq!(next.sequence, second.sequence);
}

#[tokio::test]
async fn a_partition_is_listed_by_lane_with_counts() {
    let (_nats, bus) = crate::start().await;
    let endpoint = samples::endpoint("a");
    let partition = Partition::of(&endpoint);
    assert_eq!(bus.waiting_lanes(partition).await.unwrap(), []);
    let retry = Lane::attempt(AttemptNumber::new(2), Duration::from_secs(5));
    for (lane, id) in [
        (Lane::Next, "event_1"),
        (Lane::Next, "event_2"),
        (retry, "event_3"),
    ] {
        let subject = WaitingSubject {
            lane,
            endpoint: endpoint.clone(),
        };
        bus.publish_waiting(&subject, &samples::job(id, &endpoint))
            .await
            .unwrap();
    }
    let mut lanes = bus.waiting_lanes(partition).await.unwrap();
    lanes.sort_by_key(|(_, count)| *count);
    let subject = |lane| WaitingSubject {
        lane,
        endpoint: endpoint.clone(),
    };
    assert_eq!(lanes, [(subject(retry), 1), (subject(Lane::Next), 2)]);
}
