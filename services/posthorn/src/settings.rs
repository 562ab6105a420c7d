//! The settings of the whole fleet.

use posthorn_api::ApiConfig;
use posthorn_bus::BusConfig;
use posthorn_chassis::Env;
use posthorn_fanout::FanoutConfig;
use posthorn_ingest::IngestConfig;
use posthorn_public_http::TokenKey;
use posthorn_recorder::RecorderConfig;
use posthorn_sender::SenderConfig;
use posthorn_store::StoreConfig;

use crate::dev::settings::DevSettings;
use crate::import::settings::ImportSettings;
use crate::probe::settings::ProbeSettings;

/// The settings of the whole fleet.
pub(crate) struct Fleet {
    pub(crate) bus: BusConfig,
    pub(crate) store: StoreConfig,
    pub(crate) tokens: TokenKey,
    pub(crate) ingest: IngestConfig,
    pub(crate) fanout: FanoutConfig,
    pub(crate) sender: SenderConfig,
    pub(crate) recorder: RecorderConfig,
    pub(crate) api: ApiConfig,
}

impl Fleet {
    pub(crate) fn from_env(env: &mut Env) -> Self {
        Self {
            bus: BusConfig::from_env(env),
            store: StoreConfig::from_env(env),
            tokens: TokenKey::from_env(env),
            ingest: IngestConfig::from_env(env),
            fanout: FanoutConfig::from_env(env),
            sender: SenderConfig::from_env(env),
            recorder: RecorderConfig::from_env(env),
            api: ApiConfig::from_env(env),
        }
    }
}

/// Reads the settings of one role. The others' settings may stand in the same environment.
pub(crate) fn of_role<C>(env: &mut Env, read: impl FnOnce(&mut Env) -> C) -> C {
    let config = read(env);
    env.survey(|env| {
        drop(Fleet::from_env(env));
        drop(DevSettings::from_env(env));
        ImportSettings::known(env);
        drop(ProbeSettings::from_env(env));
    });
    config
}

/// Reads the settings of a command that ends by itself. The whole fleet's settings may stand in the
/// same environment.
pub(crate) fn of_command<C>(env: &mut Env, read: impl FnOnce(&mut Env) -> C) -> C {
    let config = of_role(env, read);
    posthorn_chassis::survey_process(env);
    config
}
