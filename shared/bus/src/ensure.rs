//! Making streams, buckets and consumers exist: each service those that are its own.
//!
//! Services start in any order, and at first all at once. Each makes what is its own without waiting
//! for anybody, and only then waits for what others make; so they never wait for each other in a
//! circle. Nobody creates what is another's, not even when it is missing: then the rights on NATS can
//! be given by name, and a service that was broken into can neither change nor forge the streams of
//! the others. After the first start of an installation everything is there, and nothing is waited
//! for.
//!
//! In an upgrade, old and new processes of a service run side by side. What was made carries the
//! revision of its description ([`REVISION`](topology::REVISION)), and an old process that starts
//! again leaves alone what a newer one has made. Of the same revision, with other settings, the
//! process that started last is right. What others make is taken as it is, whatever its revision: a
//! release only adds to it.

use std::time::Duration;

use async_nats::jetstream::consumer::{self, PullConsumer};
use async_nats::jetstream::context::{ContextBuilder, CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, ConsumerError, ConsumerErrorKind, Info};
use async_nats::jetstream::{self, ErrorCode};
use futures::future::try_join_all;
use posthorn_chassis::error_chain;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::consumer::is_missing;
use crate::role::{Asset, Role};
use crate::topology::{self, REJECTED_LEAST_BYTES, Reader, Stream};
use crate::{Bus, BusConfig, BusError};

/// How long one request may go unanswered before it is repeated.
const ANSWER: Duration = Duration::from_secs(5);
/// Pauses before asking again, and between two looks for what another service makes.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

impl Bus {
    /// Makes the streams, buckets and consumers of these roles exist as this build describes them,
    /// and waits until those exist that these roles need of others.
    ///
    /// Doing it twice, or in several processes at once, changes nothing.
    ///
    /// *Guarantee*: after `Ok` EVENTS has both its consumers if one of the roles accepts events, so
    /// none that it accepts is lost; shown by `nobody_accepts_events_before_both_readers_are_there`.
    ///
    /// # Errors
    /// [`BusError::Setup`] names what could not be created or updated, for instance because an
    /// existing stream of the same name has another retention; [`BusError::Look`] what could not even
    /// be looked for; [`BusError::NotMade`] what another service has not made within
    /// `connect_timeout`.
    pub async fn ensure(&self, roles: &[Role]) -> Result<(), BusError> {
        let setup = &Setup {
            jetstream: ContextBuilder::new()
                .timeout(ANSWER)
                .build(self.client.as_ref().clone()),
            config: &self.config,
        };
        let own = |reader: &Reader| roles.contains(&reader.maker());
        let of = |asset, reader: &Reader| Asset::Stream(reader.stream()) == asset;
        if roles.contains(&Role::Sender) {
            setup.until_answered(|| setup.refuse_earlier_jobs()).await?;
        }
        for asset in Asset::all().filter(|asset| roles.contains(&asset.maker())) {
            setup.until_answered(|| setup.make(asset)).await?;
            // At once, and not after what is waited for: where NATS has lost everything, those who accept
            // events are running already, and EVENTS keeps none without readers.
            let readers = Reader::all().filter(own);
            setup
                .make_readers(readers.filter(|reader| of(asset, reader)))
                .await?;
        }
        for asset in Asset::needed_by(roles) {
            let subject = format!("STREAM.INFO.{}", asset.stream_name());
            setup
                .wait_for::<Info>(asset.to_string(), asset.maker(), &subject)
                .await?;
        }
        let others = Reader::all().filter(own);
        let others = others.filter(|reader| !roles.contains(&reader.stream().maker()));
        setup.make_readers(others).await?;
        for reader in Reader::needed_by(roles) {
            let subject = info_subject(reader);
            setup
                .wait_for::<consumer::Info>(described(reader), reader.maker(), &subject)
                .await?;
        }
        Ok(())
    }
}

/// The making of one process's streams, buckets and consumers.
struct Setup<'a> {
    jetstream: jetstream::Context,
    config: &'a BusConfig,
}

impl Setup<'_> {
    /// Asks again for as long as there is no answer.
    ///
    /// A cluster that has no leader yet lets requests fall without a word, so waiting longer for the
    /// first answer would not help; shown by
    /// `a_cluster_loses_a_nats_server_a_sender_and_a_fanout_and_no_event`.
    async fn until_answered<T, F>(&self, ask: impl Fn() -> F) -> Result<T, BusError>
    where
        F: Future<Output = Result<T, BusError>>,
    {
        let deadline = Instant::now() + self.config.connect_timeout;
        loop {
            match ask().await {
                Err(error) if error.is_unanswered() && Instant::now() < deadline => {
                    tracing::info!(reason = error_chain::chain(&error), "asking nats again");
                    sleep(FIRST_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// What is known of a stream or consumer; `None` when there is none.
    async fn info<T: DeserializeOwned>(
        &self,
        what: &str,
        subject: &str,
    ) -> Result<Option<T>, BusError> {
        match self.jetstream.request(subject.to_owned(), &json!({})).await {
            Ok(Response::Ok(info)) => Ok(Some(info)),
            Ok(Response::Err { error }) if is_absence(error.error_code()) => Ok(None),
            Ok(Response::Err { error }) => Err(BusError::look(what)(error.into())),
            Err(error) => Err(BusError::look(what)(error.into())),
        }
    }

    async fn wait_for<T: DeserializeOwned>(
        &self,
        what: String,
        maker: Role,
        subject: &str,
    ) -> Result<(), BusError> {
        let deadline = Instant::now() + self.config.connect_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let found = self.until_answered(|| self.info::<T>(&what, subject));
            if found.await?.is_some() {
                return Ok(());
            }
            if Instant::now() + pause > deadline {
                let maker = maker.name();
                return Err(BusError::NotMade { what, maker });
            }
            tracing::info!(what, service = maker.name(), "waiting for another service");
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Builds for which JOBS was one stream had no release. What they left there nobody would read.
    async fn refuse_earlier_jobs(&self) -> Result<(), BusError> {
        let what = "stream JOBS of an earlier build";
        let found = self.info::<Info>(what, "STREAM.INFO.JOBS").await?;
        match found.map_or(0, |info| info.state.messages) {
            0 => Ok(()),
            messages => Err(BusError::setup(what)(EarlierJobs { messages }.into())),
        }
    }

    async fn make(&self, asset: Asset) -> Result<(), BusError> {
        let subject = format!("STREAM.INFO.{}", asset.stream_name());
        let what = asset.to_string();
        let mut config = asset.config(self.config);
        let deadline = Instant::now() + self.config.connect_timeout;
        loop {
            let made = match self.info::<Info>(&what, &subject).await? {
                Some(found) if topology::is_newer(&found.config.metadata) => {
                    tracing::warn!(what, "left as a newer release has made it");
                    return Ok(());
                }
                Some(_) => self.jetstream.update_stream(&config).await.map(drop),
                None => self.jetstream.create_stream(&config).await.map(drop),
            };
            match made {
                Ok(()) => return Ok(()),
                // Made by another process of this service since we looked.
                Err(error)
                    if has_code(&error, ErrorCode::STREAM_NAME_EXIST)
                        && Instant::now() < deadline =>
                {
                    sleep(FIRST_PAUSE).await;
                }
                Err(error) => match smaller(asset, &config, &error) {
                    Some(smaller) => config = smaller,
                    None => return Err(BusError::setup(what)(error.into())),
                },
            }
        }
    }

    async fn make_readers(&self, readers: impl Iterator<Item = Reader>) -> Result<(), BusError> {
        let make = |reader| async move { make_reader(&self.jetstream, reader).await.map(drop) };
        let made = readers.map(|reader| self.until_answered(move || make(reader)));
        try_join_all(made).await.map(drop)
    }
}

/// There are deliveries where no sender of this build looks.
#[derive(Debug, thiserror::Error)]
#[error(
    "deliveries are left in it (messages: {messages}); let that build send them before you upgrade"
)]
struct EarlierJobs {
    messages: u64,
}

/// REJECTED with half its limit, where the server has less storage to reserve than it asks for.
fn smaller(asset: Asset, config: &Config, error: &CreateStreamError) -> Option<Config> {
    let lacks_room = has_code(error, ErrorCode::STORAGE_RESOURCES_EXCEEDED)
        || has_code(error, ErrorCode::INSUFFICIENT_RESOURCES);
    let max_bytes = config.max_bytes / 2;
    if asset != Asset::Stream(Stream::Rejected) || !lacks_room || max_bytes < REJECTED_LEAST_BYTES {
        return None;
    }
    tracing::warn!(
        wanted_bytes = config.max_bytes,
        limit_bytes = max_bytes,
        "nats has not enough storage to reserve for rejected input, less of it is kept"
    );
    Some(Config {
        max_bytes,
        ..config.clone()
    })
}

fn has_code(error: &CreateStreamError, code: ErrorCode) -> bool {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => error.error_code() == code,
        _ => false,
    }
}

fn is_absence(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::STREAM_NOT_FOUND | ErrorCode::CONSUMER_NOT_FOUND
    )
}

fn described(reader: Reader) -> String {
    format!("consumer {} of {}", reader.name(), reader.stream().name())
}

fn info_subject(reader: Reader) -> String {
    format!("CONSUMER.INFO.{}.{}", reader.stream().name(), reader.name())
}

/// Whether the server refuses to change where the state of a consumer is kept: nats-server 2.15.1 does
/// ("storage type can not be updated"); 2.12.3 takes the change and follows it after a restart.
fn keeps_its_storage(error: &ConsumerError) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => error.error_code() == ErrorCode::CONSUMER_CREATE,
        _ => false,
    }
}

/// Makes a consumer exist as this build describes it.
pub(crate) async fn make_reader(
    jetstream: &jetstream::Context,
    reader: Reader,
) -> Result<PullConsumer, BusError> {
    let stream = reader.stream().name();
    let failed = |error: ConsumerError| BusError::setup(described(reader))(error.into());
    let found: Result<PullConsumer, _> = jetstream
        .get_consumer_from_stream(reader.name(), stream)
        .await;
    match found {
        Ok(found) if topology::is_newer(&found.cached_info().config.metadata) => return Ok(found),
        Err(error) if !is_missing(&error) => return Err(failed(error)),
        Ok(_) | Err(_) => {}
    }
    let make = |config| jetstream.create_consumer_on_stream(config, stream);
    let made = match make(reader.config()).await {
        Err(error) if reader.is_forgettable() && keeps_its_storage(&error) => {
            // As an earlier release made it. Nothing is wrong with it, it only costs more.
            let mut on_disk = reader.config();
            on_disk.memory_storage = false;
            make(on_disk).await
        }
        made => made,
    };
    made.map_err(failed)
}
