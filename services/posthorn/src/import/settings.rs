//! Where an import reads and where it writes: from the command line, or else the environment.

use posthorn_chassis::{Env, Secret};

/// One of the two servers.
pub(crate) struct Side<U = Option<String>, T = Option<Secret>> {
    /// Its URL.
    pub(crate) url: U,
    /// What it is asked with.
    pub(crate) token: T,
}

/// Where an import reads and where it writes.
pub(crate) struct ImportSettings<S = Side<String, Secret>> {
    /// Where it reads. `POSTHORN_IMPORT_FROM`, `POSTHORN_IMPORT_FROM_TOKEN` or `…_FILE`.
    pub(crate) from: S,
    /// Where it writes. `POSTHORN_IMPORT_TO`, `POSTHORN_IMPORT_TO_TOKEN` or `…_FILE`.
    pub(crate) to: S,
}

/// The names of one side's settings.
struct Keys {
    url: &'static str,
    token: &'static str,
    options: [&'static str; 2],
}

const FROM: Keys = Keys {
    url: "POSTHORN_IMPORT_FROM",
    token: "POSTHORN_IMPORT_FROM_TOKEN",
    options: ["--from", "--from-token"],
};
const TO: Keys = Keys {
    url: "POSTHORN_IMPORT_TO",
    token: "POSTHORN_IMPORT_TO_TOKEN",
    options: ["--to", "--to-token"],
};

impl ImportSettings {
    /// Completes what the command line gave.
    pub(crate) fn from_env(env: &mut Env, given: ImportSettings<Side>) -> Self {
        Self {
            from: read(env, &FROM, given.from),
            to: read(env, &TO, given.to),
        }
    }

    /// Only makes the names known, for commands that share an environment with this one.
    pub(crate) fn known(env: &mut Env) {
        let nothing = || Side {
            url: None,
            token: None,
        };
        let given = ImportSettings {
            from: nothing(),
            to: nothing(),
        };
        drop(Self::from_env(env, given));
    }
}

fn read(env: &mut Env, keys: &Keys, given: Side) -> Side<String, Secret> {
    let (url, token) = (
        env.optional_string(keys.url),
        env.optional_secret(keys.token),
    );
    let (url, token) = (given.url.or(url), given.token.or(token));
    let [url_option, token_option] = keys.options;
    env.check(url.is_some(), || {
        format!("{}: required, or {url_option}; expected a URL", keys.url)
    });
    env.check(token.is_some(), || {
        let key = keys.token;
        format!("{key}, {key}_FILE: required, or {token_option}; expected an organisation's token")
    });
    Side {
        url: url.unwrap_or_default(),
        token: token.unwrap_or_else(|| Secret::new("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(url: Option<&str>, token: Option<&str>) -> Side {
        Side {
            url: url.map(str::to_owned),
            token: token.map(Secret::new),
        }
    }

    #[test]
    fn the_command_line_goes_before_the_environment() {
        let mut env = Env::from_pairs([
            ("POSTHORN_IMPORT_FROM", "https://env"),
            ("POSTHORN_IMPORT_FROM_TOKEN", "env-token"),
            ("POSTHORN_IMPORT_TO", "https://to"),
            ("POSTHORN_IMPORT_TO_TOKEN", "to-token"),
        ]);
        let sides = ImportSettings {
            from: given(Some("https://option"), None),
            to: given(None, Some("option-token")),
        };
        let settings = ImportSettings::from_env(&mut env, sides);
        assert_eq!(settings.from.url, "https://option");
        assert_eq!(settings.from.token.expose(), "env-token");
        assert_eq!(settings.to.url, "https://to");
        assert_eq!(settings.to.token.expose(), "option-token");
        assert!(env.finish().is_ok());
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let mut env = Env::from_pairs([("POSTHORN_IMPORT_TO_TOKN", "x")]);
        ImportSettings::known(&mut env);
        let told = env.finish().unwrap_err().to_string();
        for part in [
            "--from;",
            "--from-token;",
            "--to;",
            "--to-token;",
            "TO_TOKN: no such",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
