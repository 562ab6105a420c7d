//! SIGTERM and SIGINT: the first asks for an orderly stop, the second does not wait for it.

use std::{convert::Infallible, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Shutdown;

/// Exit code after a second signal: 128 plus SIGINT's number, as shells have it.
const EXIT_INTERRUPTED: i32 = 130;

/// The two signals that end a process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen; from here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            terminate,
            interrupt,
        })
    }

    /// Requests the shutdown at the first signal and ends the process at the second.
    #[allow(
        clippy::exit,
        reason = "the second signal means: now, whatever is still at work; newer clippy lets it be"
    )]
    pub(crate) async fn serve(mut self, shutdown: &Shutdown) -> Infallible {
        let name = self.next().await;
        tracing::info!(
            signal = name,
            "shutdown requested; a second signal exits at once"
        );
        shutdown.trigger();
        let name = self.next().await;
        tracing::warn!(signal = name, "second signal, exiting at once");
        std::process::exit(EXIT_INTERRUPTED)
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
