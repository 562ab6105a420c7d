//! An exporter that complains once.
//!
//! The SDK logs an error for every batch that the collector does not take, every few seconds for
//! as long as a collector is down. Nobody must act at once for that: here it is one warning when
//! it begins, one line when it ends, and a counter in between.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use crate::{error_chain::chain, metric};

/// Wraps the exporter that does the work.
#[derive(Debug)]
pub(super) struct CalmExporter<E> {
    inner: E,
    is_failing: AtomicBool,
}

impl<E> CalmExporter<E> {
    pub(super) fn new(inner: E) -> Self {
        Self {
            inner,
            is_failing: AtomicBool::new(false),
        }
    }
}

impl<E: SpanExporter> SpanExporter for CalmExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.inner.export(batch).await;
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) => {
                metric::Counter::TraceExportFailures.add(1, &[]);
                if !was_failing {
                    tracing::warn!(error = chain(&error), spans, "trace export fails");
                }
            }
            Ok(()) if was_failing => tracing::info!("trace export works again"),
            Ok(()) => {}
        }
        // Reported above; an error here would be logged by the SDK as well.
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    /// Fails as long as it is told to.
    #[derive(Debug)]
    struct Collector {
        is_down: AtomicBool,
    }

    impl SpanExporter for Collector {
        async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
            if self.is_down.load(Ordering::Relaxed) {
                return Err(OTelSdkError::InternalFailure("down".to_owned()));
            }
            Ok(())
        }
    }

    #[test]
    fn a_failure_is_remembered_until_the_collector_is_back() {
        let exporter = CalmExporter::new(Collector {
            is_down: AtomicBool::new(true),
        });
        for _batch in 0..2 {
            block_on(exporter.export(Vec::new())).unwrap();
            assert!(exporter.is_failing.load(Ordering::Relaxed));
        }

        exporter.inner.is_down.store(false, Ordering::Relaxed);
        block_on(exporter.export(Vec::new())).unwrap();

        assert!(!exporter.is_failing.load(Ordering::Relaxed));
    }
}
