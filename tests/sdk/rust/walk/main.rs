//! Walks through Posthorn's API with Svix's Rust SDK, of either generation; see run.sh.

mod access;
mod applications;
mod attempts;
mod deliveries;
mod endpoints;
mod event_types;
mod harness;
mod messages;
mod operational_webhooks;
mod sdk;
mod unserved;
mod usage;

use std::cell::RefCell;
use std::collections::BTreeMap;

use harness::{Failure, Outcome, Receiver, string};
use serde_json::Value;
use svix::api::{Svix, SvixOptions};

/// What steps share.
struct World {
    server_url: String,
    token: String,
    svix: Svix,
    receiver: Receiver,
    /// What steps leave for later ones.
    notes: RefCell<BTreeMap<&'static str, Value>>,
}

impl World {
    fn client(&self, token: &str) -> Svix {
        client(&self.server_url, token, None)
    }

    fn note(&self, name: &'static str, value: Value) {
        self.notes.borrow_mut().insert(name, value);
    }

    fn noted(&self, name: &'static str) -> Outcome<Value> {
        let found = self.notes.borrow().get(name).cloned();
        found.ok_or(Failure::Skipped(name))
    }

    /// A noted text.
    fn text(&self, name: &'static str) -> Outcome<String> {
        Ok(string(&self.noted(name)?))
    }

    /// The id of something noted.
    fn id(&self, name: &'static str) -> Outcome<String> {
        Ok(string(&self.noted(name)?["id"]))
    }
}

fn client(server_url: &str, token: &str, num_retries: Option<u32>) -> Svix {
    let options = SvixOptions {
        server_url: Some(server_url.to_owned()),
        num_retries,
        ..Default::default()
    };
    Svix::new(token.to_owned(), Some(options))
}

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

#[tokio::main]
async fn main() {
    let server_url = environment("SVIX_SERVER_URL");
    let token = environment("SVIX_TOKEN");
    let world = World {
        svix: client(&server_url, &token, None),
        server_url,
        token,
        receiver: Receiver::new(environment("RECEIVER_URL")),
        notes: RefCell::default(),
    };
    applications::walk(&world).await;
    event_types::walk(&world).await;
    endpoints::walk(&world).await;
    messages::walk(&world).await;
    let app = format!("walk-{}", harness::unique());
    deliveries::walk(&world, &app).await;
    attempts::walk(&world, &app).await;
    deliveries::again(&world, &app).await;
    usage::walk(&world).await;
    access::walk(&world).await;
    operational_webhooks::walk(&world).await;
    unserved::walk(&world).await;
}
