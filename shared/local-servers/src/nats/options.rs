//! How a nats-server is to run.

use std::{path::PathBuf, time::Duration};

/// The largest message by default: 1 MB of body, the common limit, and as much again for headers,
/// the envelope and the base64 that a body may travel in.
const DEFAULT_MAX_PAYLOAD_BYTES: u64 = 2 * 1024 * 1024;

/// When JetStream forces written messages to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncInterval {
    /// Before each acknowledgement: an acknowledged message survives a power cut.
    Always,
    /// After this time; a crash of the server alone loses nothing, a power cut may.
    Every(Duration),
    /// As nats-server has it (two minutes): fastest, for tests.
    ServerDefault,
}

/// How a nats-server is to run.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The folder for its configuration, log and store; created if needed.
    pub folder: PathBuf,
    /// The port for clients; `None`: a free one.
    pub port: Option<u16>,
    /// Whether to serve monitoring pages, on a port of their own that is free.
    pub monitoring: bool,
    /// When JetStream forces written messages to disk.
    pub sync: SyncInterval,
    /// The largest message, headers included, in bytes.
    pub max_payload_bytes: u64,
    /// Further lines for the configuration file, as they are.
    pub extra_config: String,
    /// A program with its arguments that runs the server, such as a tracer; empty: none. Such a program keeps
    /// signals for itself, so the server is not stopped in order, but killed with it.
    pub under: Vec<String>,
    /// Removes the folder if our process is killed before it could; for temporary folders.
    pub remove_if_killed: bool,
}

impl NatsOptions {
    /// The settings for development: a free port, every message on disk before it is acknowledged.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            port: None,
            monitoring: false,
            sync: SyncInterval::Always,
            max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
            extra_config: String::new(),
            under: Vec::new(),
            remove_if_killed: false,
        }
    }
}
