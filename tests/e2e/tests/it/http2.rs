//! Endpoints that offer HTTP/2: one connection for many deliveries, and what only HTTP/2 can say.

use posthorn_e2e::client::text;
use posthorn_e2e::{Client, Stack};
use posthorn_harness::eventually;
use serde_json::json;

use crate::SOON;
use crate::http2_server::Http2Server;
use crate::tls_front::Authority;

/// Deliveries that come together; an endpoint may have 32 in flight.
const TOGETHER: usize = 32;
/// What the sender reads of a body, and what may be on its way to it: a window of the stream.
const MOST_OF_A_BODY: usize = 2 * 64 * 1024;

struct World {
    stack: Stack,
    server: Http2Server,
    authority: Authority,
}

impl World {
    async fn start() -> Self {
        let authority = Authority::new("private");
        let (stack, server) = tokio::join!(Stack::start(), Http2Server::start(&authority));
        Self {
            stack,
            server,
            authority,
        }
    }

    /// A customer with one endpoint, which trusts the server; and the endpoint's secret.
    async fn customer(&self, name: &str, path: &str) -> String {
        self.stack.client.application(name).await;
        let (endpoint, secret) = self
            .stack
            .client
            .endpoint(name, &self.server.url(path))
            .await;
        let path = format!("/app/{name}/endpoint/{endpoint}/ca");
        let request = self.stack.client.request("PUT", &path);
        let answer = Client::send(request.json(&json!({"caCert": self.authority.pem}))).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        secret
    }

    async fn send(&self, customer: &str) -> String {
        let event = json!({"eventType": "a", "payload": {"to": customer}});
        let path = format!("/app/{customer}/msg");
        let sent = self.stack.client.post(&path, &event).await;
        assert_eq!(sent.status, 202, "{sent:?}");
        text(&sent.body["id"])
    }

    async fn answered(&self, path: &str, count: usize) {
        eventually(SOON, "the requests", async || {
            let found = self.server.answered(path).len();
            if found >= count {
                Ok(())
            } else {
                Err(found.to_string())
            }
        })
        .await;
    }
}

#[tokio::test]
async fn deliveries_share_a_connection_where_the_endpoint_offers_http2() {
    let world = World::start().await;
    let secret = world.customer("acme", "/ok").await;
    world.send("acme").await;
    world.answered("/ok", 1).await;
    let connections = world.server.seen().connections;

    let sends = (0..TOGETHER).map(|_| world.send("acme"));
    futures::future::join_all(sends).await;
    world.answered("/ok", 1 + TOGETHER).await;

    {
        let seen = world.server.seen();
        assert_eq!(seen.connections, connections, "connections");
        assert!(seen.most_at_once > 1, "{} at once", seen.most_at_once);
    }
    let svix = svix::webhooks::Webhook::new(&secret).unwrap();
    for request in world.server.answered("/ok") {
        svix.verify(&request.body, &request.headers).unwrap();
    }
    world.stack.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_refused_costs_no_attempt() {
    let world = World::start().await;
    world.customer("acme", "/refused-once").await;

    let event = world.send("acme").await;
    world.answered("/refused-once", 1).await;

    assert_eq!(world.server.seen().refused, 1);
    let attempts = world.stack.client.attempts("acme", &event, 1).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(attempts[0]["responseStatusCode"], 200, "{attempts:?}");
    world.stack.stop().await;
}

#[tokio::test]
async fn an_answer_without_end_holds_up_no_other_on_its_connection() {
    let world = World::start().await;
    world.customer("endless", "/endless").await;
    world.customer("acme", "/ok").await;

    let mut endless = Vec::new();
    for _ in 0..8 {
        endless.push(world.send("endless").await);
        world.send("acme").await;
    }
    world.answered("/ok", 8).await;

    for event in &endless {
        let attempts = world.stack.client.attempts("endless", event, 1).await;
        // Status and headers decide.
        assert_eq!(attempts[0]["responseStatusCode"], 200, "{attempts:?}");
    }
    assert_eq!(world.server.answered("/endless").len(), endless.len());
    let taken = world.server.seen().endless_bytes;
    assert!(taken <= endless.len() * MOST_OF_A_BODY, "{taken} bytes");
    world.stack.stop().await;
}
