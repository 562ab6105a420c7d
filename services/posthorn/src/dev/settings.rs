//! What `posthorn dev` can be told, beside the settings of the fleet.

use std::path::PathBuf;

use posthorn_chassis::{Env, Secret};

/// Below the folder in which the command is run.
const DEFAULT_FOLDER: &str = ".posthorn";
/// NATS's usual port, so that its own tools find it without being told.
const USUAL_NATS_PORT: u16 = 4222;
/// Not PostgreSQL's usual port: a developer's machine often has one there that is not ours.
const USUAL_POSTGRES_PORT: u16 = 5532;
/// Svix's port, as for the role `api`.
const USUAL_API_PORT: u16 = 8071;

/// Which port a server gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// This one if nobody has it, else a free one: nobody has chosen.
    Usual(u16),
    /// A free one: chosen with 0.
    Free,
    /// This one, or an error.
    Fixed(u16),
}

impl Port {
    /// Reads a port; 0 means a free one.
    fn parse(text: &str) -> Option<Self> {
        match text.parse().ok()? {
            0 => Some(Self::Free),
            port => Some(Self::Fixed(port)),
        }
    }
}

/// The settings of `posthorn dev`.
#[derive(Clone, Debug)]
pub(crate) struct DevSettings {
    /// Where data, secrets and the run file are kept. `POSTHORN_DEV_FOLDER`, default `.posthorn`.
    pub(crate) folder: PathBuf,
    /// A NATS to use instead of starting one. `POSTHORN_NATS_URL`.
    pub(crate) nats_url: Option<String>,
    /// A PostgreSQL to use instead of starting one. `POSTHORN_DATABASE_URL`, or `…_FILE`.
    pub(crate) database_url: Option<Secret>,
    /// The port of the NATS that is started. `POSTHORN_NATS_PORT`, default 4222 if it is free.
    pub(crate) nats_port: Port,
    /// The port of the PostgreSQL that is started. `POSTHORN_POSTGRES_PORT`, default 5532 if it is
    /// free.
    pub(crate) postgres_port: Port,
    /// The port of the REST API and the dashboard. `POSTHORN_PORT`, default 8071 if it is free.
    pub(crate) api_port: Port,
    /// The nats-server to start. `POSTHORN_NATS_SERVER`, default: the first one found.
    pub(crate) nats_server: Option<PathBuf>,
    /// The folder with the PostgreSQL to start. `POSTHORN_PG_BIN`, default: the first one found.
    pub(crate) pg_bin: Option<PathBuf>,
    /// Signs and verifies tokens. `POSTHORN_JWT_SECRET`, default: made once and kept.
    pub(crate) jwt_secret: Option<Secret>,
    /// Seals secrets at rest. `POSTHORN_ENCRYPTION_KEYS`, default: made once and kept.
    pub(crate) encryption_keys: Option<Secret>,
}

impl DevSettings {
    /// Reads the settings; mistakes are reported by [`Env::finish`].
    pub(crate) fn from_env(env: &mut Env) -> Self {
        let folder = env.string("POSTHORN_DEV_FOLDER", DEFAULT_FOLDER);
        Self {
            folder: PathBuf::from(folder),
            nats_url: env.optional_string("POSTHORN_NATS_URL"),
            database_url: env.optional_secret("POSTHORN_DATABASE_URL"),
            nats_port: port(env, "POSTHORN_NATS_PORT", USUAL_NATS_PORT),
            postgres_port: port(env, "POSTHORN_POSTGRES_PORT", USUAL_POSTGRES_PORT),
            api_port: port(env, "POSTHORN_PORT", USUAL_API_PORT),
            nats_server: path(env, "POSTHORN_NATS_SERVER"),
            pg_bin: path(env, "POSTHORN_PG_BIN"),
            jwt_secret: env.optional_secret("POSTHORN_JWT_SECRET"),
            encryption_keys: env.optional_secret("POSTHORN_ENCRYPTION_KEYS"),
        }
    }
}

fn port(env: &mut Env, key: &'static str, usual: u16) -> Port {
    let expected = "a port from 0 to 65535, where 0 picks a free one";
    env.parsed(key, Port::Usual(usual), expected, Port::parse)
}

fn path(env: &mut Env, key: &'static str) -> Option<PathBuf> {
    env.optional_string(key).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_to_be_set() {
        let mut env = Env::from_pairs::<_, &str, &str>([]);
        let settings = DevSettings::from_env(&mut env);
        env.finish().unwrap();
        assert_eq!(settings.folder, PathBuf::from(".posthorn"));
        assert_eq!(settings.api_port, Port::Usual(8071));
        assert!(settings.nats_url.is_none() && settings.jwt_secret.is_none());
    }

    #[test]
    fn ports_are_fixed_free_or_a_mistake() {
        let mut env = Env::from_pairs([
            ("POSTHORN_PORT", "0"),
            ("POSTHORN_NATS_PORT", "4333"),
            ("POSTHORN_POSTGRES_PORT", "70000"),
        ]);
        let settings = DevSettings::from_env(&mut env);
        assert_eq!(
            (settings.api_port, settings.nats_port),
            (Port::Free, Port::Fixed(4333))
        );
        let mistakes = env.finish().unwrap_err().mistakes;
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].starts_with("POSTHORN_POSTGRES_PORT: "));
    }
}
