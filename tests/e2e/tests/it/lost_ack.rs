//! An ack may be lost with the connection that it was on: the job comes again, the request does not.

use std::time::Duration;

use posthorn_bus::topology::{self, ACK_WAIT};
use posthorn_e2e::Stack;
use posthorn_event_schema::Shard;
use posthorn_harness::{Receiver, TestNats, eventually};

use crate::SOON;

/// A server on which no ack of a job ever arrives.
const NO_ACKS: &str = r#"
    accounts {
        P {
            jetstream: enabled
            users: [{
                user: anyone, password: anything
                permissions { publish: {deny: ["$JS.ACK.JOBS_0.>", "$JS.ACK.JOBS_1.>", "$JS.ACK.JOBS_2.>", "$JS.ACK.JOBS_3.>"]}, subscribe: {allow: [">"]} }
            }]
        }
    }
    no_auth_user: anyone
"#;

#[tokio::test]
async fn a_job_whose_ack_was_lost_is_not_attempted_again() {
    let nats = TestNats::start_with(|options| options.extra_config = NO_ACKS.to_owned()).await;
    let (stack, receiver) = tokio::join!(Stack::start_on(nats, |same| same), Receiver::start());
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    let body = r#"{"type":"a","id":"event_1","data":{}}"#;
    producer.publish("posthorn.events.acme.a", body).await;
    receiver.wait_for("/hook", 1, SOON).await;
    stack.client.attempts(&app, "event_1", 1).await;

    eventually(SOON + ACK_WAIT * 2, "a job handed out again", async || {
        let mut again = 0;
        for shard in Shard::ALL {
            let name = topology::Stream::Jobs(shard).name();
            let stream = producer.jetstream().get_stream(name).await;
            let stream = stream.map_err(|error| error.to_string())?;
            let mut consumers = stream.consumers();
            while let Some(consumer) = futures::StreamExt::next(&mut consumers).await {
                again += consumer.map_err(|error| error.to_string())?.num_redelivered;
            }
        }
        (again > 0)
            .then_some(())
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
    // Longer than a job that comes takes to be attempted.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.count("/hook"), 1);
    stack.stop().await;
}
