"""Operations that this version of Posthorn does not serve, as operations.json says.

Each has to be answered with a 501 that the SDK understands as an error of the API.
"""

from svix import models
from svix.api import Svix, SvixOptions

import sdk
from harness import fails, now, step
from svix.models import (
    ConnectorIn,
    ConnectorPatch,
    CreateStreamEventsIn,
    EndpointSecretRotateIn,
    EnvironmentIn,
    EventIn,
    HttpSinkHeadersPatchIn,
    IngestEndpointHeadersIn,
    IngestEndpointIn,
    IngestEndpointSecretIn,
    IngestEndpointTransformationPatch,
    IngestSourceConsumerPortalAccessIn,
    IngestSourceIn,
    IntegrationIn,
    IntegrationUpdate,
    PollingEndpointConsumerSeekIn,
    RotatePollerTokenIn,
    SinkTransformIn,
    StreamEventTypeIn,
    StreamEventTypePatch,
    StreamIn,
    StreamPatch,
    StreamPortalAccessIn,
    StreamSinkIn,
    StreamSinkPatch,
    StreamTokenExpireIn,
)

POLLER = {"type": "poller"}
POLLING = {"type": "pollingEndpoint", "config": {}}
SOURCE = {"name": "Walk", "type": "generic-webhook"}
HEADERS = {"headers": {"X-Walk": "yes"}}
CODE = "function handler(webhook) { return webhook }"


def of_applications(svix, app):
    integration = svix.integration
    poller = svix.message.poller
    yield "v1.integration.list", lambda: integration.list(app)
    yield "v1.integration.create", lambda: integration.create(app, IntegrationIn(name="Walk"))
    yield "v1.integration.get", lambda: integration.get(app, "integ_1")
    yield "v1.integration.update", lambda: integration.update(app, "integ_1", IntegrationUpdate(name="Walk"))
    yield "v1.integration.delete", lambda: integration.delete(app, "integ_1")
    yield "v1.integration.rotate-key", lambda: integration.rotate_key(app, "integ_1")
    if not sdk.V2:
        yield "v1.integration.get-key", lambda: integration.get_key(app, "integ_1")
    seek = PollingEndpointConsumerSeekIn(after=now())
    yield "v1.message.poller.poll", lambda: poller.poll(app, "poll_1")
    yield "v1.message.poller.consumer-poll", lambda: poller.consumer_poll(app, "poll_1", "one")
    yield "v1.message.poller.consumer-seek", lambda: poller.consumer_seek(app, "poll_1", "one", seek)


def of_applications_v2(svix, app):
    destination = svix.destination
    destination_in = models.DestinationIn.model_validate(POLLING)
    patch = models.DestinationPatch.model_validate(POLLING)
    transform = models.DestinationTransformIn(code=CODE)
    yield "v1.destination.list", lambda: destination.list(app)
    yield "v1.destination.create", lambda: destination.create(app, destination_in)
    yield "v1.destination.get", lambda: destination.get(app, "dest_1")
    yield "v1.destination.upsert", lambda: destination.upsert(app, "dest_1", destination_in)
    yield "v1.destination.patch", lambda: destination.patch(app, "dest_1", patch)
    yield "v1.destination.delete", lambda: destination.delete(app, "dest_1")
    yield "v1.destination.rotate-secret", lambda: destination.rotate_secret(app, "dest_1", EndpointSecretRotateIn())
    yield "v1.destination.transformation.get", lambda: destination.transformation.get(app, "dest_1")
    yield "v1.destination.transformation.patch", lambda: destination.transformation.patch(app, "dest_1", transform)
    auto = svix.autoconfig_subscription
    subscription = models.CreateAutoConfigSubscriptionIn()
    rotate = models.RotateSubscriptionIn2()
    yield "v1.autoconfig-subscription.create", lambda: auto.create(app, subscription)
    yield "v1.autoconfig-subscription.rotate", lambda: auto.rotate(app, "auto_1", rotate)
    yield "v1.autoconfig-subscription.delete", lambda: auto.delete(app, "auto_1")


def of_organisations(svix):
    connector = svix.connector
    connector_in = ConnectorIn(name="Walk", transformation=CODE)
    upsert_in = sdk.ConnectorUpsertIn(transformation=CODE)
    yield "v1.connector.list", lambda: connector.list()
    yield "v1.connector.create", lambda: connector.create(connector_in)
    yield "v1.connector.get", lambda: connector.get("trtmpl_1")
    yield "v1.connector.update", lambda: sdk.upsert(connector, "trtmpl_1", upsert_in)
    yield "v1.connector.patch", lambda: connector.patch("trtmpl_1", ConnectorPatch(description="Walk"))
    yield "v1.connector.delete", lambda: connector.delete("trtmpl_1")
    yield "v1.environment.export", lambda: svix.environment.export()
    yield "v1.environment.import", lambda: svix.environment.import_(EnvironmentIn())


def of_ingest(svix):
    source = svix.ingest.source
    source_in = IngestSourceIn.model_validate(SOURCE)
    yield "v1.ingest.source.list", lambda: source.list()
    yield "v1.ingest.source.create", lambda: source.create(source_in)
    yield "v1.ingest.source.get", lambda: source.get("src_1")
    yield "v1.ingest.source.update", lambda: sdk.upsert(source, "src_1", source_in)
    yield "v1.ingest.source.delete", lambda: source.delete("src_1")
    yield "v1.ingest.source.rotate-token", lambda: source.rotate_token("src_1")
    dashboard = svix.ingest.authentication.consumer_portal_access if sdk.V2 else svix.ingest.dashboard
    yield "v1.ingest.dashboard", lambda: dashboard("src_1", IngestSourceConsumerPortalAccessIn())

    endpoint = svix.ingest.endpoint
    where = ("src_1", "ep_1")
    endpoint_in = IngestEndpointIn(url="https://example.com")
    upsert_in = sdk.IngestEndpointUpsertIn(url="https://example.com")
    yield "v1.ingest.endpoint.list", lambda: endpoint.list("src_1")
    yield "v1.ingest.endpoint.create", lambda: endpoint.create("src_1", endpoint_in)
    yield "v1.ingest.endpoint.get", lambda: endpoint.get(*where)
    yield "v1.ingest.endpoint.update", lambda: sdk.upsert(endpoint, *where, upsert_in)
    yield "v1.ingest.endpoint.delete", lambda: endpoint.delete(*where)
    yield "v1.ingest.endpoint.get-secret", lambda: endpoint.get_secret(*where)
    yield "v1.ingest.endpoint.rotate-secret", lambda: endpoint.rotate_secret(*where, IngestEndpointSecretIn())
    yield "v1.ingest.endpoint.get-headers", lambda: endpoint.get_headers(*where)
    headers = IngestEndpointHeadersIn(**HEADERS)
    yield "v1.ingest.endpoint.update-headers", lambda: sdk.set_headers(endpoint, *where, headers)
    get = endpoint.transformation.get if sdk.V2 else endpoint.get_transformation
    patch = endpoint.transformation.patch if sdk.V2 else endpoint.set_transformation
    yield "v1.ingest.endpoint.get-transformation", lambda: get(*where)
    yield "v1.ingest.endpoint.set-transformation", lambda: patch(*where, IngestEndpointTransformationPatch())


def of_streams(svix):
    stream = svix.streaming.stream
    yield "v1.streaming.stream.list", lambda: stream.list()
    yield "v1.streaming.stream.create", lambda: stream.create(StreamIn(name="Walk"))
    yield "v1.streaming.stream.get", lambda: stream.get("strm_1")
    yield "v1.streaming.stream.update", lambda: sdk.upsert(stream, "strm_1", StreamIn(name="Walk"))
    yield "v1.streaming.stream.patch", lambda: stream.patch("strm_1", StreamPatch(description="Walk"))
    yield "v1.streaming.stream.delete", lambda: stream.delete("strm_1")

    event_type = svix.streaming.event_type
    type_in = StreamEventTypeIn(name="walk")
    yield "v1.streaming.event-type.list", lambda: event_type.list()
    yield "v1.streaming.event-type.create", lambda: event_type.create(type_in)
    yield "v1.streaming.event-type.get", lambda: event_type.get("walk")
    yield "v1.streaming.event-type.update", lambda: sdk.upsert(event_type, "walk", type_in)
    yield "v1.streaming.event-type.patch", lambda: event_type.patch("walk", StreamEventTypePatch(description="Walk"))
    yield "v1.streaming.event-type.delete", lambda: event_type.delete("walk")

    events = svix.streaming.events
    events_in = CreateStreamEventsIn(events=[EventIn(event_type="walk", payload="{}")])
    yield "v1.streaming.events.get", lambda: events.get("strm_1", "sink_1")
    yield "v1.streaming.events.create", lambda: events.create("strm_1", events_in)


def of_sinks(svix):
    sink = svix.streaming.sink
    where = ("strm_1", "sink_1")
    sink_in = StreamSinkIn.model_validate(POLLER)
    patch = StreamSinkPatch.model_validate(POLLER)
    yield "v1.streaming.sink.list", lambda: sink.list("strm_1")
    yield "v1.streaming.sink.create", lambda: sink.create("strm_1", sink_in)
    yield "v1.streaming.sink.get", lambda: sink.get(*where)
    yield "v1.streaming.sink.update", lambda: sdk.upsert(sink, *where, sink_in)
    yield "v1.streaming.sink.patch", lambda: sink.patch(*where, patch)
    yield "v1.streaming.sink.delete", lambda: sink.delete(*where)
    yield "v1.streaming.sink.get-secret", lambda: sink.get_secret(*where)
    yield "v1.streaming.sink.rotate-secret", lambda: sink.rotate_secret(*where, EndpointSecretRotateIn())
    headers = HttpSinkHeadersPatchIn(**HEADERS)
    yield "v1.streaming.sink-headers-get", lambda: svix.streaming.sink_headers_get(*where)
    yield "v1.streaming.sink-headers-patch", lambda: svix.streaming.sink_headers_patch(*where, headers)
    get = sink.transformation.get if sdk.V2 else svix.streaming.sink_transformation_get
    set_ = sink.transformation.patch if sdk.V2 else sink.transformation_partial_update
    yield "v1.streaming.sink-transformation-get", lambda: get(*where)
    yield "v1.streaming.sink.transformation-partial-update", lambda: set_(*where, SinkTransformIn(code=CODE))

    auth = svix.authentication
    portal = StreamPortalAccessIn()
    expire = StreamTokenExpireIn()
    rotate = RotatePollerTokenIn()
    yield "v1.authentication.stream-portal-access", lambda: auth.stream_portal_access("strm_1", portal)
    yield "v1.authentication.stream-expire-all", lambda: auth.stream_expire_all("strm_1", expire)
    yield "v1.authentication.stream-logout", lambda: auth.stream_logout()
    yield "v1.authentication.get-stream-poller-token", lambda: auth.get_stream_poller_token(*where)
    yield "v1.authentication.rotate-stream-poller-token", lambda: auth.rotate_stream_poller_token(*where, rotate)


def walk(world):
    # A 501 is no reason to try again.
    svix = Svix(world.token, SvixOptions(server_url=world.server_url, retry_schedule=[]))
    groups = [of_applications(svix, world.uid), of_organisations(svix), of_ingest(svix), of_streams(svix), of_sinks(svix)]
    if sdk.V2:
        groups.append(of_applications_v2(svix, world.uid))
    for group in groups:
        for operation, call in group:
            step(operation, "501: this version does not serve it")(
                lambda call=call: fails(501, "not_implemented", call)
            )
