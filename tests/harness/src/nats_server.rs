//! A test's own nats-server: a free port, a store of its own, crashes on request.

use posthorn_local_servers::{NatsOptions, NatsServer, SyncInterval, child::log_tail};
use tempfile::TempDir;

use crate::{failure::OrFail, temp, tools};

/// A nats-server with JetStream; dropping it kills the server and removes its files.
#[derive(Debug)]
pub struct TestNats {
    server: NatsServer,
    // After the server, which uses it.
    _folder: TempDir,
}

impl TestNats {
    /// Starts a server that leaves it to the system when messages reach the disk: fast, and safe
    /// against crashes of the server, which is all that a test can cause.
    ///
    /// # Panics
    /// When there is no nats-server and none can be fetched, or it does not start.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server with other options, such as `sync`, `monitoring` or `extra_config`.
    ///
    /// # Panics
    /// As [`TestNats::start`].
    pub async fn start_with(adjust: impl FnOnce(&mut NatsOptions)) -> Self {
        let folder = temp::folder("nats");
        let mut options = NatsOptions::new(folder.path());
        options.sync = SyncInterval::ServerDefault;
        options.remove_if_killed = true;
        adjust(&mut options);
        let tool = tools().find_nats().await.or_fail("find nats-server");
        let server = NatsServer::start(&tool, options)
            .await
            .or_fail("start nats-server");
        Self {
            server,
            _folder: folder,
        }
    }

    /// Where clients connect: `nats://127.0.0.1:<port>`, the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port for clients, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The server's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Where the monitoring pages are, if `monitoring` was asked for.
    #[must_use]
    pub fn monitoring_url(&self) -> Option<String> {
        self.server.monitoring_url()
    }

    /// Kills the server with SIGKILL; [`TestNats::restart`] brings it back.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Stops the server in order; [`TestNats::restart`] brings it back.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(&mut self) {
        self.server.stop().await.or_fail("stop nats-server");
    }

    /// Starts the server again on the same port with the same store, after a stop if it runs.
    ///
    /// # Panics
    /// When it does not stop or start.
    pub async fn restart(&mut self) {
        self.server.restart().await.or_fail("restart nats-server");
    }

    /// The last lines of the server's log, for a failure's message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        log_tail(&self.server.log(), 50)
    }
}
