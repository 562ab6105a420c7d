//! Connections are kept for the next deliveries to the same host, as many as were used at a time.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use posthorn_egress::EgressPolicy;
use posthorn_harness::{Behaviour, Receiver};
use posthorn_sender::answer::Answer;
use posthorn_sender::client::Client;

use crate::{TIMEOUT, post};

/// More than an endpoint may have in flight: many endpoints are behind one host.
const AT_ONCE: usize = 200;
/// Long enough that all requests of a round are under way at a time.
const ANSWERED_AFTER: Duration = Duration::from_millis(500);

#[tokio::test]
async fn many_deliveries_to_one_host_use_the_connections_of_those_before() {
    let receiver = Receiver::start().await;
    let slow = Behaviour::Status(200).after(ANSWERED_AFTER);
    receiver.set("/hook", slow);
    let policy = EgressPolicy::parse("127.0.0.0/8").unwrap();
    let client = Client::new(policy, TIMEOUT).unwrap();
    let url = receiver.url("/hook");
    for _round in 0..3 {
        for answer in join_all((0..AT_ONCE).map(|_| post(&client, &url))).await {
            assert!(
                matches!(answer, Answer::Http { status: 200, .. }),
                "{answer:?}"
            );
        }
        // A connection is free again a moment after its answer was read.
        tokio::time::sleep(ANSWERED_AFTER).await;
    }
    let requests = receiver.received("/hook");
    let connections: HashSet<u64> = requests.iter().map(|request| request.connection).collect();
    assert_eq!(requests.len(), 3 * AT_ONCE);
    assert!(connections.len() <= AT_ONCE, "{}", connections.len());
}
