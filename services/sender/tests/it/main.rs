//! The sender's HTTP client against real sockets: whom it never dials.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod dns_lookup;
mod egress;
mod keep_alive;
mod rebinding;
mod silence;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use posthorn_event_schema::FailureClass;
use posthorn_sender::answer::Answer;
use posthorn_sender::client::Client;
use posthorn_sender::request::DeliveryRequest;
use url::Url;

/// The deadline of an attempt.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What came back from a URL.
async fn post(client: &Client, url: &str) -> Answer {
    let request = DeliveryRequest {
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    };
    client.post(request).await.unwrap().answer
}

/// The answer of an attempt that was refused before anybody was asked.
fn blocked() -> Answer {
    Answer::Failed {
        class: FailureClass::BlockedAddress,
        words: "address not allowed".to_owned(),
    }
}
