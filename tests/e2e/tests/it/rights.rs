//! What each NATS user of `deploy/nats-accounts.conf` may do, and that it may do nothing else.

mod fleet;
mod table;
mod universe;

use std::collections::BTreeSet;

use async_nats::{Client, ConnectOptions};
use futures::{StreamExt, TryStreamExt};
use posthorn_bus::topology::{Bucket, Stream};
use posthorn_bus::{Bus, BusConfig, BusError, Role};
use posthorn_chassis::Shutdown;
use posthorn_chassis::env::Secret;
use posthorn_e2e::binary;
use posthorn_event_schema::{
    ApplicationId, ApplicationSnapshot, OrganizationId, SchemaVersion, Uid,
};
use posthorn_harness::TestNats;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(crate) use fleet::REFUSED;
use table::{RIGHTS, all_of};
use universe::universe;

pub(crate) const PASSWORD: &str = "of-this-test";

/// The rights as they are shipped, with passwords.
pub(crate) fn accounts() -> String {
    let users = [
        "INGEST", "FANOUT", "SENDER", "RECORDER", "API", "PRODUCER", "OPERATOR",
    ];
    let passwords = users.map(|user| format!("NATS_{user}_PASSWORD: \"{PASSWORD}\"\n"));
    let file = binary::workspace().join("deploy/nats-accounts.conf");
    let shipped = std::fs::read_to_string(file).unwrap();
    format!("{}{shipped}", passwords.concat())
}

/// Tries everything as a user, on a connection without a client library, and returns what the server
/// did not refuse.
async fn allowed(
    nats: &TestNats,
    user: &str,
    publish: &BTreeSet<String>,
    subscribe: &BTreeSet<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let stream = TcpStream::connect(("127.0.0.1", nats.port()))
        .await
        .unwrap();
    let (reader, mut writer) = stream.into_split();
    let options = json!({"verbose": false, "pedantic": false, "user": user, "pass": PASSWORD, "headers": true});
    let mut text = format!("CONNECT {options}\r\n");
    for subject in publish {
        text.push_str(&format!("PUB {subject} 1\r\nx\r\n"));
    }
    for (number, subject) in subscribe.iter().enumerate() {
        text.push_str(&format!("SUB {subject} {number}\r\n"));
    }
    text.push_str("PING\r\n");
    let sent = async { writer.write_all(text.as_bytes()).await.unwrap() };
    let refused = async {
        let mut lines = BufReader::new(reader).lines();
        let mut refused = Vec::new();
        loop {
            let line = lines.next_line().await.unwrap().expect("a connection");
            match line.strip_prefix("-ERR '") {
                Some(error) => refused.push(error.trim_end_matches('\'').to_owned()),
                None if line == "PONG" => return refused,
                None => {}
            }
        }
    };
    let ((), refused) = tokio::time::timeout(crate::SOON, async { tokio::join!(sent, refused) })
        .await
        .unwrap();
    let without = |tried: &BTreeSet<String>, act: &str| -> BTreeSet<String> {
        let error = |subject: &str| format!("Permissions Violation for {act} to \"{subject}\"");
        let is_allowed = |subject: &&String| !refused.contains(&error(subject));
        tried.iter().filter(is_allowed).cloned().collect()
    };
    let published = without(publish, "Publish");
    let subscribed = without(subscribe, "Subscription");
    // Every refusal was understood.
    assert_eq!(
        published.len() + subscribed.len() + refused.len(),
        publish.len() + subscribe.len(),
        "{user}: {refused:?}"
    );
    (published, subscribed)
}

fn assert_same(user: &str, act: &str, may: &BTreeSet<String>, should: &BTreeSet<String>) {
    let too_much: Vec<_> = may.difference(should).collect();
    let missing: Vec<_> = should.difference(may).collect();
    assert!(
        too_much.is_empty() && missing.is_empty(),
        "{user} may {act} {too_much:#?} and should not; may not {act} {missing:#?} and should",
    );
}

async fn start() -> TestNats {
    let accounts = accounts();
    TestNats::start_with(|options| options.extra_config = accounts).await
}

#[tokio::test]
async fn each_user_may_do_its_own_work_and_nothing_else() {
    let nats = start().await;
    let (publish, subscribe) = universe();
    let mut makers = Vec::new();
    for rights in RIGHTS {
        let user = rights.user;
        let (may_publish, may_subscribe) = allowed(&nats, user, &publish, &subscribe).await;
        assert_same(user, "publish to", &may_publish, &all_of(rights.publish));
        assert_same(
            user,
            "subscribe to",
            &may_subscribe,
            &all_of(rights.subscribe),
        );
        makers.push((user, may_publish));
    }
    // Only the service that makes a stream, by the code, may create and update it.
    let streams = Stream::ALL.map(|stream| (stream.name().to_owned(), stream.maker()));
    let buckets = Bucket::ALL.map(|bucket| (bucket.stream_name(), bucket.maker()));
    for (stream, maker) in streams.into_iter().chain(buckets) {
        for act in ["CREATE", "UPDATE"] {
            let subject = format!("$JS.API.STREAM.{act}.{stream}");
            let may = makers.iter().filter(|(_, may)| may.contains(&subject));
            let may: Vec<_> = may.map(|(user, _)| *user).collect();
            assert_eq!(may, [maker.name()], "{subject}");
        }
    }
    posthorn_e2e::report(&format!(
        "NATS rights: {} users, {} subjects to publish and {} to subscribe to, each tried by each",
        RIGHTS.len(),
        publish.len(),
        subscribe.len()
    ));
}

fn config_of(nats: &TestNats, role: Role) -> BusConfig {
    let mut config = BusConfig::for_url(&nats.url());
    config.user = Some(role.name().to_owned());
    config.password = Some(Secret::new(PASSWORD));
    config
}

/// Makes everything, each service with its own rights, all at once; returns the services' connections.
async fn made_by_all(nats: &TestNats) -> [Bus; 5] {
    let made = Role::ALL.map(async |role| {
        let bus = Bus::connect(&config_of(nats, role), role.name()).await?;
        bus.ensure(&[role]).await?;
        Ok::<_, BusError>(bus)
    });
    let made = futures::future::try_join_all(made).await.unwrap();
    made.try_into().unwrap()
}

async fn client(nats: &TestNats, role: Role) -> Client {
    let options = ConnectOptions::with_user_and_password(role.name().into(), PASSWORD.into());
    let options = options.custom_inbox_prefix(format!("_INBOX_{}", role.name()));
    options.connect(nats.url()).await.unwrap()
}

/// The code of the error that JetStream answers with.
async fn error_code(client: &Client, subject: &str, body: &Value) -> Option<u64> {
    let answer = client.request(subject.to_owned(), body.to_string().into());
    let answer: Value = serde_json::from_slice(&answer.await.unwrap().payload).unwrap();
    answer["error"]["err_code"].as_u64()
}

#[tokio::test]
async fn a_right_to_a_name_is_a_right_to_no_other() {
    let nats = start().await;
    made_by_all(&nats).await;
    let ingest = client(&nats, Role::Ingest).await;
    let sender = client(&nats, Role::Sender).await;
    let consumer = |stream: &str, config: Value| json!({"stream_name": stream, "config": config});
    let pull = |name: &str| json!({"durable_name": name, "ack_policy": "explicit"});
    let create = "$JS.API.CONSUMER.CREATE.INBOX.ingest";
    // The subject is what the rights are about; a body that says something else is refused.
    for (client, subject, body, code) in [
        (&ingest, create, consumer("EVENTS", pull("ingest")), 10056),
        (&ingest, create, consumer("INBOX", pull("other")), 10017),
        (
            &ingest,
            "$JS.API.STREAM.UPDATE.INBOX",
            json!({"name": "EVENTS", "subjects": ["events.>"]}),
            10056,
        ),
        (
            &sender,
            "$JS.API.CONSUMER.CREATE.JOBS_0.x.jobs_0.0.>",
            consumer(
                "JOBS_0",
                json!({"durable_name": "x", "ack_policy": "explicit", "filter_subject": "jobs_0.>"}),
            ),
            10131,
        ),
    ] {
        assert_eq!(
            error_code(client, subject, &body).await,
            Some(code),
            "{subject} {body}"
        );
    }
}

/// So much that the server asks how far its readers are, and waits for their answers.
#[tokio::test]
async fn a_large_configuration_is_read_with_these_rights() {
    const APPLICATIONS: i64 = 10_000;
    let nats = start().await;
    let [ingest, fanout, sender, _recorder, api] = made_by_all(&nats).await;
    let bucket = api.config_bucket().await.unwrap();
    let entries = (0..APPLICATIONS).map(|number| ApplicationSnapshot {
        schema: SchemaVersion,
        id: ApplicationId::parse(&format!("app_{number}")).unwrap(),
        organization: OrganizationId::parse("org_1").unwrap(),
        uid: Some(Uid::parse(&"u".repeat(200)).unwrap()),
        throttle_rate: None,
        version: number,
        deleted: false,
    });
    let written = futures::stream::iter(entries).map(|entry| {
        let bucket = &bucket;
        async move { bucket.put_application(&entry).await }
    });
    written
        .buffer_unordered(32)
        .try_for_each(async |_written| Ok(()))
        .await
        .unwrap();
    let shutdown = Shutdown::new();
    for bus in [&ingest, &fanout, &sender, &api] {
        let snapshot = bus.snapshot(&shutdown).await.unwrap();
        assert_eq!(snapshot.revision(), APPLICATIONS.unsigned_abs());
    }
    let versions = bucket.versions().await.unwrap();
    assert_eq!(versions.len(), 10_000);
    assert!(
        !nats.log_tail().contains("Violation"),
        "{}",
        nats.log_tail()
    );
}
