//! A NATS server with the fleet's streams, some of which may be closed for a while: what a single
//! step of the fleet is tested with.

use std::collections::HashMap;

use async_nats::jetstream::{kv, stream};
use posthorn_bus::topology::{Bucket, Stream};
use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_event_schema::Shard;
use posthorn_harness::TestNats;
use serde_json::Value;

use crate::Producer;

/// A NATS server with the fleet's streams.
pub struct Streams {
    /// The server.
    pub nats: TestNats,
    /// The fleet's way to it.
    pub bus: Bus,
    /// Anybody else's way to it.
    pub producer: Producer,
}

impl Streams {
    /// Starts a server and makes the streams.
    ///
    /// # Panics
    /// When anything does not start.
    pub async fn start() -> Self {
        Self::start_with(|_defaults| {}).await
    }

    /// As [`Streams::start`], with other settings.
    ///
    /// # Panics
    /// When anything does not start.
    pub async fn start_with(adjust: impl FnOnce(&mut BusConfig)) -> Self {
        let nats = TestNats::start().await;
        let mut config = BusConfig::for_url(&nats.url());
        adjust(&mut config);
        let bus = Bus::connect(&config, "test").await.expect("a connection");
        bus.ensure(&Role::ALL).await.expect("the streams");
        let producer = Producer::connect(&nats.url()).await;
        Self {
            nats,
            bus,
            producer,
        }
    }

    /// From now on a stream refuses what is published, as when it is full.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn close(&self, stream: &str) {
        self.change(stream, |config| config.max_bytes = 1).await;
    }

    /// A closed stream takes messages again.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn open(&self, stream: &str) {
        self.change(stream, |config| config.max_bytes = -1).await;
    }

    /// From now on no idempotency key can be claimed or marked. A limit on the buckets' bytes would not do:
    /// the server counts off what a change replaces.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn close_keys(&self) {
        self.limit_keys(1).await;
    }

    /// Keys can be claimed and marked again.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn open_keys(&self) {
        self.limit_keys(-1).await;
    }

    async fn limit_keys(&self, most_bytes: i32) {
        for shard in Shard::ALL {
            let stream = Bucket::Idempotency(shard).stream_name();
            self.change(&stream, |config| config.max_message_size = most_bytes)
                .await;
        }
    }

    async fn change(&self, stream: &str, change: impl FnOnce(&mut stream::Config)) {
        let jetstream = self.producer.jetstream();
        let stream = jetstream.get_stream(stream).await.expect("the stream");
        let mut config = stream.cached_info().config.clone();
        change(&mut config);
        jetstream.update_stream(config).await.expect("an update");
    }

    /// How many messages a stream holds.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn count(&self, stream: &str) -> u64 {
        let stream = self.producer.jetstream().get_stream(stream).await;
        stream.expect("the stream").cached_info().state.messages
    }

    /// How many messages of jobs there are, in all of JOBS.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn jobs(&self) -> u64 {
        let mut all = 0;
        for shard in Shard::ALL {
            all += self.count(Stream::Jobs(shard).name()).await;
        }
        all
    }

    /// The metadata of each message of a stream of frames that nobody has acked.
    ///
    /// # Panics
    /// When the server does not answer, or a message is no frame.
    pub async fn metas(&self, stream: &str) -> Vec<Value> {
        let stream = self.producer.jetstream().get_stream(stream).await;
        let stream = stream.expect("the stream");
        let state = &stream.cached_info().state;
        let mut metas = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            if let Ok(message) = stream.get_raw_message(sequence).await {
                let line = message.payload.split(|byte| *byte == b'\n').next();
                let meta = serde_json::from_slice(line.unwrap_or_default());
                metas.push(meta.expect("a frame"));
            }
        }
        metas
    }

    /// What is remembered of each idempotency key: its claim, marked if a page says so.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn claims(&self) -> Vec<Value> {
        let (mut pages, mut claims) = (HashMap::new(), Vec::new());
        for shard in Shard::ALL {
            let bucket = Bucket::Idempotency(shard).name();
            let bucket = self.producer.jetstream().get_key_value(bucket).await;
            let bucket: kv::Store = bucket.expect("the bucket");
            let keys = bucket.keys().await.expect("the keys");
            let keys: Vec<_> = futures::StreamExt::collect(keys).await;
            for key in keys {
                let key = key.expect("a key");
                let value = bucket.get(&key).await.expect("an answer");
                let value: Value = serde_json::from_slice(&value.expect("a value")).expect("JSON");
                if key.starts_with("page.") {
                    pages.insert(key, value);
                } else {
                    claims.push(value);
                }
            }
        }
        for claim in &mut claims {
            let page = claim["page"].as_str().and_then(|key| pages.get(key));
            let stored = page.and_then(|page| page["stored"].as_array());
            if stored.is_some_and(|stored| stored.contains(&claim["event"])) {
                claim["published"] = true.into();
            }
        }
        claims
    }
}
