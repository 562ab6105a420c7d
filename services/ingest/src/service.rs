//! ingest as a process: three doors, one acceptor.

use std::net::SocketAddr;

use posthorn_bus::requests::Requests;
use posthorn_bus::topology::Reader;
use posthorn_bus::{Bus, BusError, LastAck, Messages, trace_context};
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{BoxError, Context, Service};
use posthorn_event_schema::subject;
use posthorn_public_http::{HttpServer, TokenKey, wrap};

use crate::IngestConfig;
use crate::accept::Acceptor;
use crate::applications::Applications;
use crate::http::HttpDoor;
use crate::nats_publish::PublishDoor;
use crate::nats_request::{QUEUE_GROUP, RequestDoor};

/// How often readiness looks at the connection to NATS.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

/// ingest, built and not yet running.
pub struct Ingest {
    bus: Bus,
    server: HttpServer,
    http: HttpDoor,
    publish: PublishDoor,
    published: Messages,
    request: RequestDoor,
    requested: Requests,
    gate: Gate,
}

impl Ingest {
    /// Reads the configuration snapshot, subscribes at both NATS doors and binds the HTTP address.
    ///
    /// # Errors
    /// When NATS does not answer, the consumer of INBOX does not exist, or the address cannot be
    /// bound.
    pub async fn build(
        config: &IngestConfig,
        tokens: TokenKey,
        bus: Bus,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let applications = Applications::new(bus.snapshot(&context.shutdown).await?);
        let acceptor = Acceptor::build(config, &bus, &applications, context).await?;
        let published = bus.messages(Reader::Ingest, config.in_flight).await?;
        let requested = bus.requests(subject::PUBLISH_FILTER, QUEUE_GROUP).await?;
        let server = HttpServer::bind(config.addr).await?;
        tracing::info!(addr = %server.local_addr(), "ingest listening");
        Ok(Self {
            server,
            http: HttpDoor::new(config, tokens, acceptor.clone(), applications.clone()),
            publish: PublishDoor {
                bus: bus.clone(),
                last_ack: LastAck::new(&context.shutdown),
                acceptor: acceptor.clone(),
                applications: applications.clone(),
                organization: config.nats_organization.clone(),
                in_flight: config.in_flight,
            },
            published,
            request: RequestDoor {
                bus: bus.clone(),
                acceptor,
                applications,
                organization: config.nats_organization.clone(),
                in_flight: config.in_flight,
            },
            requested,
            bus,
            gate: context.readiness.gate("nats"),
        })
    }

    /// Where the HTTP doors listen.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }
}

impl Service for Ingest {
    async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        shutdown.spawn("nats watch", watch(self.bus, self.gate, shutdown.clone()));
        let router = wrap(self.http.router().into(), trace_context::adopt_http);
        // A door that ends in an error ends the process: it must not look ready with one door shut.
        tokio::try_join!(
            done(self.publish.serve(self.published, shutdown.clone())),
            self.request.serve(self.requested, shutdown.clone()),
            done(self.server.serve(router, shutdown.clone())),
        )?;
        Ok(())
    }
}

/// A door that only a shutdown closes.
async fn done(door: impl Future<Output = ()>) -> Result<(), BusError> {
    door.await;
    Ok(())
}

/// Without NATS nothing can be accepted, so nothing should be sent here.
async fn watch(bus: Bus, gate: Gate, shutdown: Shutdown) {
    while !shutdown.is_requested() {
        if bus.is_connected() {
            gate.ready();
        } else {
            gate.unready("no connection to NATS");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.requested() => {}
        }
    }
}
