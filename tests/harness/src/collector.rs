//! A trace collector: an OTLP/gRPC server in the test's process that remembers every span.

mod flatten;

use std::{
    future::Future,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use flatten::{Span, SpanKind, SpanLink, SpanStatus};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::{eventually, failure::OrFail};

/// The largest export that is accepted; a batch of spans with long attributes exceeds gRPC's 4 MB.
const MAX_EXPORT_BYTES: usize = 64 * 1024 * 1024;

/// A running collector; dropping it stops it.
#[derive(Debug)]
pub struct Collector {
    endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
    _server: JoinSet<()>,
}

impl Collector {
    /// Starts a collector on a free port.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .or_fail("listen");
        let address = listener
            .local_addr()
            .or_fail("read the collector's address");
        let spans = Arc::default();
        let service = TraceServiceServer::new(Store {
            spans: Arc::clone(&spans),
        })
        .max_decoding_message_size(MAX_EXPORT_BYTES);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let serving = Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(listener));
            serving.await.or_fail("serve the trace collector");
        });
        Self {
            endpoint: format!("http://{address}"),
            spans,
            _server: server,
        }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`, with the protocol `grpc`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Every span received so far, in the order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.spans).clone()
    }

    /// Forgets the spans received so far.
    pub fn clear(&self) {
        lock(&self.spans).clear();
    }

    /// Waits until the spans received satisfy `enough`, and returns them.
    ///
    /// # Panics
    /// After `timeout`, with the names of the spans that did come.
    #[track_caller]
    pub fn wait_for(
        &self,
        timeout: Duration,
        what: &str,
        enough: impl Fn(&[Span]) -> bool,
    ) -> impl Future<Output = Vec<Span>> {
        eventually(timeout, what, async move || {
            let spans = self.spans();
            if enough(&spans) {
                return Ok(spans);
            }
            let names: Vec<String> = spans
                .iter()
                .map(|span| format!("{} {}", span.service, span.name))
                .collect();
            Err(format!("{} spans: {}", names.len(), names.join(", ")))
        })
    }
}

/// The gRPC service behind the collector.
struct Store {
    spans: Arc<Mutex<Vec<Span>>>,
}

#[tonic::async_trait]
impl TraceService for Store {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let received = flatten::spans(request.into_inner());
        lock(&self.spans).extend(received);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn lock(spans: &Mutex<Vec<Span>>) -> MutexGuard<'_, Vec<Span>> {
    // A test that panics while it looks at the spans leaves them as they were.
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}
