//! `run.json`: how scripts and the command line find what `posthorn dev` is running.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Serialize;

use super::{folder::DevFolder, private_file};

const NAME: &str = "run.json";

/// What `run.json` says. It holds a token and a password.
#[derive(Serialize)]
pub(crate) struct RunInfo {
    /// Where the REST API and the dashboard are, without a path.
    pub(crate) api_url: String,
    /// Where producers connect.
    pub(crate) nats_url: String,
    /// The database, with its user and password.
    pub(crate) database_url: String,
    /// Where traces can be looked at, if they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jaeger_url: Option<String>,
    /// A token for the REST API.
    pub(crate) token: String,
    /// The processes by name: `posthorn`, and the servers that it has started.
    pub(crate) pids: BTreeMap<&'static str, u32>,
}

/// The file; it is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct RunFile {
    path: PathBuf,
}

impl RunFile {
    /// Removes the file of an earlier run that was killed; what it says is no longer true.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub(crate) fn clear(folder: &DevFolder) -> anyhow::Result<()> {
        let path = folder.join(NAME);
        remove(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    /// Writes the file, completely or not at all and for its owner only.
    ///
    /// *Guarantee*: whoever finds the file finds a fleet that was ready. If we are killed, the
    /// file stays, and its process ids lead nowhere.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(folder: &DevFolder, info: &RunInfo) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let mut content = serde_json::to_vec_pretty(info).context("cannot encode run.json")?;
        content.push(b'\n');
        private_file::write(&path, &content)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "run file not removed");
        }
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn info() -> RunInfo {
        RunInfo {
            api_url: "http://127.0.0.1:8071".to_owned(),
            nats_url: "nats://127.0.0.1:4222".to_owned(),
            database_url: "postgres://posthorn:word@127.0.0.1:5532/posthorn".to_owned(),
            jaeger_url: None,
            token: "token".to_owned(),
            pids: BTreeMap::from([("posthorn", 1), ("nats", 2)]),
        }
    }

    #[test]
    fn the_file_is_there_while_the_fleet_runs() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DevFolder::open(parent.path()).unwrap();
        let file = RunFile::write(&folder, &info()).unwrap();
        let path = file.path().to_owned();
        let content: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let expected = serde_json::json!({
            "api_url": "http://127.0.0.1:8071",
            "nats_url": "nats://127.0.0.1:4222",
            "database_url": "postgres://posthorn:word@127.0.0.1:5532/posthorn",
            "token": "token",
            "pids": { "nats": 2, "posthorn": 1 },
        });
        assert_eq!(content, expected);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_a_killed_run_is_cleared() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DevFolder::open(parent.path()).unwrap();
        std::mem::forget(RunFile::write(&folder, &info()).unwrap());
        RunFile::clear(&folder).unwrap();
        assert!(!folder.join(NAME).exists());
        RunFile::clear(&folder).unwrap();
    }
}
