//! Configuration from the environment.
//!
//! Reading never fails on the spot: a mistake is noted, a stand-in value is returned, and
//! [`Env::finish`] reports every mistake at once, so that nobody mends a deployment one restart at
//! a time. A mistake names the key and the expected form, never the value of a secret.
//!
//! An empty variable counts as not set, as OpenTelemetry's specification has it and as Compose's
//! `${NAME:-}` needs it.

mod duration;
mod secret;
mod size;
mod surroundings;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    net::SocketAddr,
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

pub use duration::{format_duration, parse_duration};
pub use secret::Secret;

use secret::Lookup;

/// What unset settings without a printable default are shown as.
const NOT_SET: &str = "[not set]";

/// Every mistake in the configuration, to be reported at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", mistakes.join("\n"))]
pub struct ConfigError {
    /// One line each: the key, a colon, and what was expected.
    pub mistakes: Vec<String>,
}

/// The variables of a process, the settings read so far and the mistakes found in them.
///
/// Its `Debug` shows no values.
pub struct Env {
    variables: BTreeMap<String, String>,
    known: BTreeSet<String>,
    shown: Vec<(String, String)>,
    mistakes: Vec<String>,
}

impl Env {
    /// Takes the environment of this process, once, at its start.
    pub fn from_process() -> Self {
        let mut mistakes = Vec::new();
        let pairs: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(key, value)| {
                let key = key.into_string().ok()?;
                match value.into_string() {
                    Ok(value) => Some((key, value)),
                    Err(_not_unicode) => {
                        if surroundings::is_ours(&key) {
                            mistakes.push(format!("{key}: expected UTF-8"));
                        }
                        None
                    }
                }
            })
            .collect();
        Self {
            mistakes,
            ..Self::from_pairs(pairs)
        }
    }

    /// Takes these variables instead of the process's, so that a test needs no global state.
    pub fn from_pairs<I, K, V>(pairs: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        let variables = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .filter(|(_, value): &(String, String)| !value.is_empty())
            .filter(|(key, value)| !surroundings::is_service_link(key, value))
            .collect();
        Self {
            variables,
            known: BTreeSet::new(),
            shown: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// Sets variables that are not set: the defaults of a command such as `posthorn dev`.
    #[must_use]
    pub fn with_defaults<K: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, String)>,
    ) -> Self {
        for (key, value) in pairs {
            let key = key.into();
            if !self.variables.contains_key(&format!("{key}_FILE")) {
                self.variables.entry(key).or_insert(value);
            }
        }
        self
    }

    /// Reads a text.
    pub fn string(&mut self, key: &'static str, default: &str) -> String {
        let value = self.read(key).unwrap_or_else(|| default.to_owned());
        self.show(key, &value);
        value
    }

    /// Reads a text that may be missing.
    pub fn optional_string(&mut self, key: &'static str) -> Option<String> {
        let value = self.read(key);
        self.show(key, value.as_deref().unwrap_or(NOT_SET));
        value
    }

    /// Reads a text that must be there; when it is not, notes a mistake and returns an empty one.
    pub fn required_string(&mut self, key: &'static str, expected: &'static str) -> String {
        let value = self.optional_string(key);
        if value.is_none() {
            self.mistakes
                .push(format!("{key}: required, expected {expected}"));
        }
        value.unwrap_or_default()
    }

    /// Reads a duration with its unit, such as `500ms`, `15s` or `1h30m`; see [`parse_duration`].
    pub fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        let expected = "a duration with its unit, such as 15s, 500ms or 1h30m";
        self.typed(key, default, expected, parse_duration, |value| {
            format_duration(*value)
        })
    }

    /// Reads `true` or `false`.
    pub fn bool(&mut self, key: &'static str, default: bool) -> bool {
        let parse = |text: &str| text.to_ascii_lowercase().parse().ok();
        self.typed(key, default, "true or false", parse, ToString::to_string)
    }

    /// Reads a number that must lie in `range`.
    pub fn number<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let parse = |text: &str| text.parse().ok().filter(|value| range.contains(value));
        self.typed(key, default, &expected, parse, ToString::to_string)
    }

    /// Reads a size in bytes, such as `1048576`, `64KiB` or `1MiB`.
    pub fn bytes(&mut self, key: &'static str, default: usize) -> usize {
        let expected = "a size in bytes, such as 1048576, 64KiB or 1MiB";
        self.typed(
            key,
            default,
            expected,
            size::parse_bytes,
            ToString::to_string,
        )
    }

    /// Reads an IP address with a port, such as `0.0.0.0:8071` or `[::1]:8071`.
    pub fn socket_addr(&mut self, key: &'static str, default: SocketAddr) -> SocketAddr {
        let expected = "an IP address and a port, such as 0.0.0.0:8071 or [::1]:8071";
        self.typed(
            key,
            default,
            expected,
            |text| text.parse().ok(),
            ToString::to_string,
        )
    }

    /// Reads a value of the caller's own form; `parse` returns none for what it does not accept.
    ///
    /// The value is not repeated in a mistake, because it may be a URL with a password.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        default: T,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.read(key) else {
            self.show(key, "[default]");
            return default;
        };
        self.show(key, &text);
        parse(&text).unwrap_or_else(|| {
            self.mistakes.push(format!("{key}: expected {expected}"));
            default
        })
    }

    /// Reads a secret from `key`, or from the file that `<key>_FILE` names.
    ///
    /// One newline at the end of the file is not part of the secret. Setting both is a mistake.
    pub fn optional_secret(&mut self, key: &'static str) -> Option<Secret> {
        let file_key = secret::file_key(key);
        let (value, file) = (self.read(key), self.read(&file_key));
        let secret = match secret::look_up(key, value, file) {
            Lookup::Found(secret) => Some(secret),
            Lookup::Missing => None,
            Lookup::Mistake(mistake) => {
                self.mistakes.push(mistake);
                Some(Secret::new(""))
            }
        };
        self.show(key, if secret.is_some() { "[set]" } else { NOT_SET });
        secret
    }

    /// Reads a secret that must be there; when it is not, notes a mistake and returns an empty one.
    pub fn required_secret(&mut self, key: &'static str, expected: &'static str) -> Secret {
        self.optional_secret(key).unwrap_or_else(|| {
            let file_key = secret::file_key(key);
            self.mistakes.push(format!(
                "{key} or {file_key}: required, expected {expected}"
            ));
            Secret::new("")
        })
    }

    /// Notes a mistake unless `holds`; for relations between settings.
    ///
    /// The text starts with the key and a colon, like the others: `KEY: expected more than …`.
    pub fn check(&mut self, holds: bool, mistake: impl FnOnce() -> String) {
        if !holds {
            self.mistakes.push(mistake());
        }
    }

    /// Learns which keys another role reads; its mistakes are not ours and are forgotten.
    ///
    /// All roles may share one environment, and each of them refuses keys that nobody reads.
    pub fn survey(&mut self, read: impl FnOnce(&mut Env)) {
        let (mistakes, shown) = (self.mistakes.len(), self.shown.len());
        read(self);
        self.mistakes.truncate(mistakes);
        self.shown.truncate(shown);
    }

    /// The effective settings in the order in which they were read, for `--print-config`.
    ///
    /// Secrets are shown as `[set]` or `[not set]`, and URLs without their userinfo.
    pub fn effective(&self) -> Vec<(String, String)> {
        self.shown.clone()
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// Every mistake that was found, and every `POSTHORN_` key that nobody has read: a misspelt
    /// name would otherwise leave its setting at the default without a word.
    pub fn finish(self) -> Result<(), ConfigError> {
        let mut mistakes = self.mistakes;
        let unknown = self
            .variables
            .keys()
            .filter(|key| surroundings::is_ours(key));
        for key in unknown.filter(|key| !self.known.contains(*key)) {
            let known = self.known.iter().map(String::as_str);
            mistakes.push(match surroundings::closest(key, known) {
                Some(meant) => format!("{key}: no such setting; did you mean {meant}?"),
                None => format!("{key}: no such setting"),
            });
        }
        let mut said = BTreeSet::new();
        mistakes.retain(|mistake| said.insert(mistake.clone()));
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { mistakes })
        }
    }

    /// Looks a variable up and remembers that its name has a meaning.
    fn read(&mut self, key: &str) -> Option<String> {
        self.known.insert(key.to_owned());
        self.variables.get(key).cloned()
    }

    /// Remembers what to print for a setting; read twice, it is shown once.
    fn show(&mut self, key: &str, value: &str) {
        if !self.shown.iter().any(|(shown, _)| shown == key) {
            self.shown
                .push((key.to_owned(), secret::without_userinfo(value)));
        }
    }

    /// Reads a value of a form that holds no secrets, so that a mistake can repeat what it found.
    fn typed<T>(
        &mut self,
        key: &'static str,
        default: T,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        print: impl FnOnce(&T) -> String,
    ) -> T {
        let parsed = match self.read(key) {
            None => Ok(default),
            Some(text) => parse(&text).ok_or((text, default)),
        };
        let value = parsed.unwrap_or_else(|(text, default)| {
            let found = secret::without_userinfo(&text);
            self.mistakes
                .push(format!("{key}: expected {expected}, found {found:?}"));
            default
        });
        self.show(key, &print(&value));
        value
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Env")
            .field("known", &self.known)
            .field("mistakes", &self.mistakes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
