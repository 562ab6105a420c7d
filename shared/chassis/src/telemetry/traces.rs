//! The tracer provider, and the runtime that carries spans to the collector.
//!
//! The exporter has a runtime of its own with one thread: a busy service does not delay the
//! export, a slow collector does not take a thread from the service, and the last spans can leave
//! after the service's runtime has ended. Spans wait in a bounded queue; when it is full they are
//! dropped, never awaited.

use std::{fmt, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use tokio::runtime::{self, Runtime};

use super::{exporter::CalmExporter, settings::Settings};
use crate::{build_info, error_chain::chain};

/// How many ended spans may wait for their export, unless `OTEL_BSP_MAX_QUEUE_SIZE` says
/// otherwise.
///
/// The standard's 2,048 are gone in a fraction of a second when a batch of events is fanned out.
const QUEUE_SIZE: usize = 16_384;

/// The provider of tracers and what it needs to export.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    /// None while nothing is exported.
    runtime: Option<Runtime>,
}

/// Why traces are not exported although they should be.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("no runtime for the trace export")]
    Runtime(#[source] std::io::Error),
    #[error("no exporter for traces")]
    Exporter(#[source] ExporterBuildError),
}

impl Traces {
    /// Starts the tracing of a process; the second value says why nothing is exported.
    pub(super) fn start(settings: &Settings, instance: &str) -> (Self, Option<String>) {
        let builder = SdkTracerProvider::builder()
            .with_sampler(settings.sampler())
            .with_resource(resource(settings, instance));
        let exporting = settings
            .traces_endpoint()
            .map(|endpoint| exporting(endpoint, settings));
        let (builder, runtime, trouble) = match exporting {
            Some(Ok((processor, runtime))) => {
                (builder.with_span_processor(processor), Some(runtime), None)
            }
            Some(Err(error)) => (builder, None, Some(chain(&error))),
            None => (builder, None, None),
        };
        (
            Self {
                provider: builder.build(),
                runtime,
            },
            trouble,
        )
    }

    pub(super) fn provider(&self) -> &SdkTracerProvider {
        &self.provider
    }

    /// Whether spans go to a collector.
    pub(super) fn exports(&self) -> bool {
        self.runtime.is_some()
    }

    /// Exports what has ended so far; a failure is the exporter's to report.
    pub(super) fn flush(&self) {
        drop(self.provider.force_flush());
    }

    /// Exports what is left and ends the export.
    pub(super) fn shutdown(self, deadline: Duration) {
        if self.exports() && self.provider.shutdown_with_timeout(deadline).is_err() {
            tracing::warn!(
                deadline_ms = deadline.as_millis(),
                "last spans not exported"
            );
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Does not wait, so that it may be dropped on another runtime's thread.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Traces")
            .field("exports", &self.exports())
            .finish()
    }
}

/// Creates the processor that exports, and the runtime on which its connection lives.
///
/// Nothing is connected here: the collector may come later than we do.
fn exporting(
    endpoint: &str,
    settings: &Settings,
) -> Result<(BatchSpanProcessor, Runtime), ExportError> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("trace-export")
        .enable_all()
        .build()
        .map_err(ExportError::Runtime)?;
    let _inside = runtime.enter();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(ExportError::Exporter)?;
    let mut batches = BatchConfigBuilder::default();
    if !settings.queue_size_is_explicit() {
        batches = batches.with_max_queue_size(QUEUE_SIZE);
    }
    let processor = BatchSpanProcessor::builder(CalmExporter::new(exporter))
        .with_batch_config(batches.build())
        .build();
    drop(_inside);
    Ok((processor, runtime))
}

/// Who sends the spans. The standard variables win over our own knowledge.
fn resource(settings: &Settings, instance: &str) -> Resource {
    let ours = [
        KeyValue::new("service.name", settings.service_name().to_owned()),
        KeyValue::new("service.namespace", "posthorn"),
        KeyValue::new("service.version", build_info::VERSION),
        KeyValue::new("service.instance.id", instance.to_owned()),
    ];
    let builder = Resource::builder_empty()
        .with_attributes(ours)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    if settings.service_name_is_explicit() {
        builder
            .with_service_name(settings.service_name().to_owned())
            .build()
    } else {
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_says_which_process_this_is() {
        let resource = resource(&Settings::new("sender"), "host-1-abc");

        let expected = [
            ("service.name", "posthorn-sender"),
            ("service.namespace", "posthorn"),
            ("service.version", build_info::VERSION),
            ("service.instance.id", "host-1-abc"),
        ];
        for (key, value) in expected {
            let found = resource.get(&key.into()).map(|value| value.to_string());
            assert_eq!(found.as_deref(), Some(value), "{key}");
        }
    }

    #[test]
    fn without_a_collector_nothing_is_started() {
        let (traces, trouble) = Traces::start(&Settings::new("sender"), "instance");

        assert_eq!(
            format!("{traces:?} {trouble:?}"),
            "Traces { exports: false } None"
        );
    }

    #[test]
    fn a_collector_that_is_not_there_keeps_nobody_waiting() {
        let settings = Settings::new("sender").with_traces_endpoint("http://127.0.0.1:1");
        let started = std::time::Instant::now();

        let (traces, trouble) = Traces::start(&settings, "instance");
        traces.shutdown(Duration::from_secs(2));

        assert_eq!(trouble, None);
        assert!(started.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn a_collector_over_tls_can_be_used() {
        let settings = Settings::new("sender").with_traces_endpoint("https://127.0.0.1:1");

        let (traces, trouble) = Traces::start(&settings, "instance");

        assert_eq!(
            format!("{traces:?} {trouble:?}"),
            "Traces { exports: true } None"
        );
    }
}
