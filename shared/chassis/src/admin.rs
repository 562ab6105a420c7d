//! The port for orchestrators and monitoring: `/livez`, `/readyz`, `/metrics`.
//!
//! It is apart from the services' own ports, so that it need not be reachable by customers and
//! still answers when those are busy. `/livez` says only that the process can answer: whatever a
//! restart would not mend belongs into readiness.

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{
    error_chain::chain,
    metric,
    readiness::{GateReport, Readiness, Report},
};

/// The content type of Prometheus' text format.
const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The admin server, bound and not serving yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Admin {
    /// Binds the port; port 0 picks a free one. Requests wait until [`Self::serve`].
    ///
    /// # Errors
    ///
    /// When the address is taken or is not one of this machine's.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let local_addr = listener.local_addr()?;
        Ok(Self {
            listener,
            local_addr,
        })
    }

    /// The address that was bound, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers requests until it is dropped.
    ///
    /// # Errors
    ///
    /// When the socket is lost; a single connection that fails is not an error.
    pub async fn serve(self, readiness: Readiness) -> io::Result<()> {
        axum::serve(self.listener, router(readiness)).await
    }
}

fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readyz_body(&report))).into_response()
}

/// `{"ready":false,"phase":"open","gates":[{"gate":"nats","ready":false,"reason":"…"}]}`
fn readyz_body(report: &Report) -> Value {
    let gates: Vec<Value> = report.gates.iter().map(gate_body).collect();
    json!({ "ready": report.is_ready(), "phase": report.phase.as_str(), "gates": gates })
}

fn gate_body(gate: &GateReport) -> Value {
    let mut body = Map::new();
    body.insert("gate".to_owned(), gate.name.into());
    body.insert("ready".to_owned(), gate.reason.is_none().into());
    if let Some(reason) = &gate.reason {
        body.insert("reason".to_owned(), reason.as_str().into());
    }
    Value::Object(body)
}

async fn metrics() -> Response {
    match metric::render() {
        Ok(text) => ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(error = chain(&error), "metrics not printed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readyz_shows_each_gate_and_why_it_is_shut() {
        let readiness = Readiness::new();
        readiness.gate("nats").ready();
        readiness.gate("snapshot").unready("not loaded");
        readiness.open();

        let body = readyz_body(&readiness.report());

        let expected = json!({
            "ready": false,
            "phase": "open",
            "gates": [
                { "gate": "nats", "ready": true },
                { "gate": "snapshot", "ready": false, "reason": "not loaded" },
            ],
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error() {
        let first = Admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();

        let error = Admin::bind(first.local_addr()).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
