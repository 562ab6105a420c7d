// Operations that this version of Posthorn does not serve, as operations.json says.
//
// Each has to be answered with a 501 that the SDK understands as an error of the API.

import { fails, step } from "./harness.mjs";
import { Svix, V2, setHeaders, upsert } from "./sdk.mjs";

const CODE = "function handler(webhook) { return webhook }";
const HEADERS = { headers: { "X-Walk": "yes" } };
const POLLING = { type: "pollingEndpoint", config: {} };
const STREAM = { name: "Walk" };

function ofApplications({ integration, message: { poller } }, app) {
  return {
    "v1.integration.list": () => integration.list(app),
    "v1.integration.create": () => integration.create(app, { name: "Walk" }),
    "v1.integration.get": () => integration.get(app, "integ_1"),
    "v1.integration.update": () => integration.update(app, "integ_1", { name: "Walk" }),
    "v1.integration.delete": () => integration.delete(app, "integ_1"),
    "v1.integration.rotate-key": () => integration.rotateKey(app, "integ_1"),
    ...(V2 ? {} : { "v1.integration.get-key": () => integration.getKey(app, "integ_1") }),
    "v1.message.poller.poll": () => poller.poll(app, "poll_1"),
    "v1.message.poller.consumer-poll": () => poller.consumerPoll(app, "poll_1", "one"),
    "v1.message.poller.consumer-seek": () => poller.consumerSeek(app, "poll_1", "one", { after: new Date() }),
  };
}

function ofApplicationsV2({ destination, autoconfigSubscription }, app) {
  return {
    "v1.destination.list": () => destination.list(app),
    "v1.destination.create": () => destination.create(app, POLLING),
    "v1.destination.get": () => destination.get(app, "dest_1"),
    "v1.destination.upsert": () => destination.upsert(app, "dest_1", POLLING),
    "v1.destination.patch": () => destination.patch(app, "dest_1", POLLING),
    "v1.destination.delete": () => destination.delete(app, "dest_1"),
    "v1.destination.transformation.get": () => destination.transformation.get(app, "dest_1"),
    "v1.destination.transformation.patch": () => destination.transformation.patch(app, "dest_1", { code: CODE }),
    "v1.autoconfig-subscription.create": () => autoconfigSubscription.create(app),
    "v1.autoconfig-subscription.rotate": () => autoconfigSubscription.rotate(app, "auto_1", {}),
  };
}

function ofOrganisations({ connector, environment }) {
  return {
    "v1.connector.list": () => connector.list(),
    "v1.connector.create": () => connector.create({ name: "Walk", transformation: CODE }),
    "v1.connector.get": () => connector.get("trtmpl_1"),
    "v1.connector.update": () => upsert(connector, "trtmpl_1", { transformation: CODE }),
    "v1.connector.patch": () => connector.patch("trtmpl_1", { description: "Walk" }),
    "v1.connector.delete": () => connector.delete("trtmpl_1"),
    "v1.environment.export": () => environment.export(),
    "v1.environment.import": () => environment.import({}),
  };
}

function ofIngest({ ingest }) {
  const { source, endpoint } = ingest;
  const where = ["src_1", "ep_1"];
  const sourceIn = { name: "Walk", type: "generic-webhook", config: {} };
  const endpointIn = { url: "https://example.com" };
  return {
    "v1.ingest.source.list": () => source.list(),
    "v1.ingest.source.create": () => source.create(sourceIn),
    "v1.ingest.source.get": () => source.get("src_1"),
    "v1.ingest.source.update": () => upsert(source, "src_1", sourceIn),
    "v1.ingest.source.delete": () => source.delete("src_1"),
    "v1.ingest.source.rotate-token": () => source.rotateToken("src_1"),
    "v1.ingest.dashboard": () =>
      V2 ? ingest.authentication.consumerPortalAccess("src_1", {}) : ingest.dashboard("src_1", {}),
    "v1.ingest.endpoint.list": () => endpoint.list("src_1"),
    "v1.ingest.endpoint.create": () => endpoint.create("src_1", endpointIn),
    "v1.ingest.endpoint.get": () => endpoint.get(...where),
    "v1.ingest.endpoint.update": () => upsert(endpoint, ...where, endpointIn),
    "v1.ingest.endpoint.delete": () => endpoint.delete(...where),
    "v1.ingest.endpoint.get-secret": () => endpoint.getSecret(...where),
    "v1.ingest.endpoint.rotate-secret": () => endpoint.rotateSecret(...where, {}),
    "v1.ingest.endpoint.get-headers": () => endpoint.getHeaders(...where),
    "v1.ingest.endpoint.update-headers": () => setHeaders(endpoint, ...where, HEADERS),
    "v1.ingest.endpoint.get-transformation": () =>
      V2 ? endpoint.transformation.get(...where) : endpoint.getTransformation(...where),
    "v1.ingest.endpoint.set-transformation": () =>
      V2 ? endpoint.transformation.patch(...where, {}) : endpoint.setTransformation(...where, {}),
  };
}

function ofStreams({ streaming }) {
  const { stream, events } = streaming;
  // The first generation spells this getter with an underscore.
  const eventType = V2 ? streaming.eventType : streaming.event_type;
  return {
    "v1.streaming.stream.list": () => stream.list(),
    "v1.streaming.stream.create": () => stream.create(STREAM),
    "v1.streaming.stream.get": () => stream.get("strm_1"),
    "v1.streaming.stream.update": () => upsert(stream, "strm_1", STREAM),
    "v1.streaming.stream.patch": () => stream.patch("strm_1", { description: "Walk" }),
    "v1.streaming.stream.delete": () => stream.delete("strm_1"),
    "v1.streaming.event-type.list": () => eventType.list(),
    "v1.streaming.event-type.create": () => eventType.create({ name: "walk" }),
    "v1.streaming.event-type.get": () => eventType.get("walk"),
    "v1.streaming.event-type.update": () => upsert(eventType, "walk", { name: "walk" }),
    "v1.streaming.event-type.patch": () => eventType.patch("walk", { description: "Walk" }),
    "v1.streaming.event-type.delete": () => eventType.delete("walk"),
    "v1.streaming.events.get": () => events.get("strm_1", "sink_1"),
    "v1.streaming.events.create": () =>
      events.create("strm_1", { events: [{ eventType: "walk", payload: "{}" }] }),
  };
}

function ofSinks({ streaming, authentication }) {
  const { sink } = streaming;
  const where = ["strm_1", "sink_1"];
  const sinkIn = { type: "poller", config: {} };
  return {
    "v1.streaming.sink.list": () => sink.list("strm_1"),
    "v1.streaming.sink.create": () => sink.create("strm_1", sinkIn),
    "v1.streaming.sink.get": () => sink.get(...where),
    "v1.streaming.sink.update": () => upsert(sink, ...where, sinkIn),
    "v1.streaming.sink.patch": () => sink.patch(...where, sinkIn),
    "v1.streaming.sink.delete": () => sink.delete(...where),
    "v1.streaming.sink.get-secret": () => sink.getSecret(...where),
    "v1.streaming.sink.rotate-secret": () => sink.rotateSecret(...where, {}),
    "v1.streaming.sink-headers-get": () => streaming.sinkHeadersGet(...where),
    "v1.streaming.sink-headers-patch": () => streaming.sinkHeadersPatch(...where, HEADERS),
    "v1.streaming.sink-transformation-get": () =>
      V2 ? sink.transformation.get(...where) : streaming.sinkTransformationGet(...where),
    "v1.streaming.sink.transformation-partial-update": () =>
      V2
        ? sink.transformation.patch(...where, { code: CODE })
        : sink.transformationPartialUpdate(...where, { code: CODE }),
    "v1.authentication.stream-portal-access": () => authentication.streamPortalAccess("strm_1", {}),
    "v1.authentication.stream-expire-all": () => authentication.streamExpireAll("strm_1", {}),
    "v1.authentication.stream-logout": () => authentication.streamLogout(),
    "v1.authentication.get-stream-poller-token": () => authentication.getStreamPollerToken(...where),
    "v1.authentication.rotate-stream-poller-token": () => authentication.rotateStreamPollerToken(...where, {}),
  };
}

export async function walk(world) {
  // A 501 is no reason to try again.
  const svix = new Svix(world.token, { serverUrl: world.serverUrl, retryScheduleInMs: [] });
  const groups = [
    ofApplications(svix, world.uid),
    V2 ? ofApplicationsV2(svix, world.uid) : {},
    ofOrganisations(svix),
    ofIngest(svix),
    ofStreams(svix),
    ofSinks(svix),
  ];
  for (const [operation, call] of groups.flatMap(Object.entries)) {
    await step(operation, "501: this version does not serve it", () => fails(501, "not_implemented", call));
  }
}
