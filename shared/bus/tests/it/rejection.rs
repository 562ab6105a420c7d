//! Refused input: kept whole where it fits, and at least its beginning where it does not.

use bytes::Bytes;
use posthorn_bus::Refused;
use posthorn_event_schema::detail::MAX_DETAIL_CHARS;
use posthorn_event_schema::{Door, Rejection};

fn refused(bytes: usize) -> Refused<'static> {
    Refused {
        door: Door::Sender,
        subject: "jobs_0.0.ep_1",
        code: "unreadable_job",
        detail: "d".repeat(10_000),
        trace_id: None,
        input: Bytes::from(vec![b'x'; bytes]),
    }
}

#[tokio::test]
async fn an_input_that_leaves_no_room_for_its_reason_is_cut() {
    let (nats, bus) = crate::start().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let most = bus.max_message_bytes();
    for (bytes, truncated) in [
        (0, false),
        (most - 2_048, false),
        (most - 100, true),
        (most, true),
    ] {
        bus.reject(refused(bytes)).await.unwrap();
        let stream = jetstream.get_stream("REJECTED").await.unwrap();
        let last = stream.cached_info().state.last_sequence;
        let message = stream.direct_get(last).await.unwrap();
        let rejection = Rejection::decode(&message.payload).unwrap();
        assert_eq!(rejection.meta.truncated, truncated, "{bytes} bytes");
        assert_eq!(rejection.meta.detail.chars().count(), MAX_DETAIL_CHARS);
        let lost = bytes - rejection.input.len();
        assert!(
            lost <= if truncated { 1_024 } else { 0 },
            "{lost} bytes lost"
        );
    }
}
