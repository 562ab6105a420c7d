//! The environment of the fleet: this process's own, and what `posthorn dev` adds to it.
//!
//! The fleet reads its settings as it does everywhere, from variables; `dev` only fills in those
//! that nobody has set. So whatever works in production can be tried with `posthorn dev`.

use std::collections::BTreeMap;

use posthorn_chassis::{Env, Secret};
use posthorn_signing::KeyRing;

use super::secrets::Secrets;
use super::settings::DevSettings;
use crate::settings::Fleet;

/// Short waits, so that a person can watch a retry.
const RETRY_SCHEDULE: &str = "5s,5s,30s,2m,10m";
/// Receivers on this machine, which the fleet refuses anywhere else.
const LOOPBACK: &str = "127.0.0.0/8,::1/128";
/// Enough to notice trouble, little enough to read the demo in between.
const LOG_FILTER: &str = "warn";
/// A free port of this machine.
const ANY_LOCAL_PORT: &str = "127.0.0.1:0";

/// Short, so that Ctrl-C ends everything within 10 s: an attempt takes at most 5 s.
const GRACE: &str = "6s";

/// What the fleet is told about its surroundings.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    /// Where NATS is.
    pub(crate) nats_url: &'a str,
    /// Where PostgreSQL is, with its password.
    pub(crate) database_url: &'a str,
    /// The port for the REST API on this machine; 0 picks a free one.
    pub(crate) api_port: u16,
    /// The fleet's own secrets.
    pub(crate) secrets: &'a Secrets,
}

/// The variables of the fleet: `own` (this process's), completed.
///
/// A variable that is set, itself or as `…_FILE`, stays as it is. There is one exception: receivers
/// on this machine are always allowed, beside those that the operator allows.
pub(crate) fn of_fleet(
    own: impl IntoIterator<Item = (String, String)>,
    around: &Surroundings<'_>,
) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = own
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let keys = around.secrets.encryption_keys.expose();
    let additions = [
        ("POSTHORN_NATS_URL", around.nats_url.to_owned()),
        ("POSTHORN_DATABASE_URL", around.database_url.to_owned()),
        (
            "POSTHORN_JWT_SECRET",
            around.secrets.jwt.expose().to_owned(),
        ),
        ("POSTHORN_ENCRYPTION_KEYS", keys.to_owned()),
        (
            "POSTHORN_API_ADDR",
            format!("127.0.0.1:{}", around.api_port),
        ),
        ("POSTHORN_INGEST_ADDR", ANY_LOCAL_PORT.to_owned()),
        ("POSTHORN_ADMIN_ADDR", ANY_LOCAL_PORT.to_owned()),
        ("POSTHORN_RETRY_SCHEDULE", RETRY_SCHEDULE.to_owned()),
        ("POSTHORN_LOG", LOG_FILTER.to_owned()),
    ];
    for (key, value) in additions {
        if !variables.contains_key(&format!("{key}_FILE")) {
            variables.entry(key.to_owned()).or_insert(value);
        }
    }
    let allowed = match variables.get("POSTHORN_EGRESS_ALLOW") {
        Some(chosen) => format!("{chosen},{LOOPBACK}"),
        None => LOOPBACK.to_owned(),
    };
    variables.insert("POSTHORN_EGRESS_ALLOW".to_owned(), allowed);
    variables
}

/// The variables of this process that are text.
pub(crate) fn own() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(key, value)| {
        let (key, value) = (key.into_string().ok()?, value.into_string().ok()?);
        Some((key, value))
    })
}

/// What the process itself has as defaults: its own port, its log and its drain.
pub(crate) fn of_process() -> [(&'static str, String); 3] {
    [
        ("POSTHORN_ADMIN_ADDR", ANY_LOCAL_PORT.to_owned()),
        ("POSTHORN_LOG", LOG_FILTER.to_owned()),
        ("POSTHORN_GRACE", GRACE.to_owned()),
    ]
}

/// The mistakes in the settings of the fleet, found before anything is started for it.
pub(crate) fn mistakes(own: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let secrets = Secrets {
        jwt: Secret::new("stands for the token key that is made or read later"),
        encryption_keys: Secret::new(KeyRing::generate_text()),
    };
    let around = Surroundings {
        nats_url: "nats://127.0.0.1:4222",
        database_url: "postgres://posthorn@127.0.0.1/posthorn",
        api_port: 0,
        secrets: &secrets,
    };
    // With the drain of this process, which must be longer than a request of the sender.
    let mut env = Env::from_pairs(of_fleet(own, &around)).with_defaults(of_process());
    Fleet::from_env(&mut env);
    env.survey(|env| {
        DevSettings::from_env(env);
        posthorn_chassis::ProcessConfig::from_env("dev", env);
        posthorn_chassis::telemetry::Settings::from_env("dev", env);
    });
    env.finish()
        .map_or_else(|error| error.mistakes, |()| Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed<const COUNT: usize>(own: [(&str, &str); COUNT]) -> BTreeMap<String, String> {
        let secrets = Secrets {
            jwt: Secret::new("a token key that is long enough to be one"),
            encryption_keys: Secret::new(posthorn_signing::KeyRing::generate_text()),
        };
        let around = Surroundings {
            nats_url: "nats://127.0.0.1:4222",
            database_url: "postgres://posthorn:word@127.0.0.1:5532/posthorn",
            api_port: 0,
            secrets: &secrets,
        };
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        of_fleet(own, &around)
    }

    #[test]
    fn the_fleet_starts_with_nothing_set() {
        let mut env = Env::from_pairs(completed([]));
        Fleet::from_env(&mut env);
        DevSettings::from_env(&mut env);
        env.survey(|env| {
            posthorn_chassis::ProcessConfig::from_env("dev", env);
            posthorn_chassis::telemetry::Settings::from_env("dev", env);
        });
        env.finish().unwrap();
    }

    #[test]
    fn a_request_longer_than_the_drain_is_told_before_anything_starts() {
        let timeout = |text: &str| [("POSTHORN_SENDER_TIMEOUT".to_owned(), text.to_owned())];
        assert!(mistakes(timeout("5s")).is_empty());
        let told = mistakes(timeout("6s"));
        assert!(
            told.len() == 1 && told[0].starts_with("POSTHORN_GRACE: "),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_set_stays() {
        let variables = completed([
            ("POSTHORN_RETRY_SCHEDULE", "1s"),
            ("POSTHORN_JWT_SECRET_FILE", "/run/jwt"),
            ("POSTHORN_EGRESS_ALLOW", "10.0.0.0/8"),
            ("POSTHORN_LOG", ""),
            ("PATH", "/bin"),
        ]);
        let value = |key: &str| variables.get(key).map(String::as_str);
        assert_eq!(value("POSTHORN_RETRY_SCHEDULE"), Some("1s"));
        assert_eq!(value("POSTHORN_JWT_SECRET"), None);
        assert_eq!(
            value("POSTHORN_EGRESS_ALLOW"),
            Some("10.0.0.0/8,127.0.0.0/8,::1/128")
        );
        assert_eq!(value("POSTHORN_LOG"), Some("warn"));
        assert_eq!(value("PATH"), Some("/bin"));
    }
}
