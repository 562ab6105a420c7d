package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.brokenInTheSdk;
import static org.posthorn.sdk.Harness.failsToo;
import static org.posthorn.sdk.Harness.step;

import com.svix.Svix;
import com.svix.api.Authentication;
import com.svix.api.Connector;
import com.svix.api.Environment;
import com.svix.api.IngestEndpoint;
import com.svix.api.IngestSource;
import com.svix.api.Integration;
import com.svix.api.MessagePoller;
import com.svix.api.StreamingEventType;
import com.svix.api.StreamingSink;
import com.svix.api.StreamingStream;
import com.svix.models.ConnectorIn;
import com.svix.models.ConnectorPatch;
import com.svix.models.ConnectorUpdate;
import com.svix.models.CreateStreamEventsIn;
import com.svix.models.EndpointSecretRotateIn;
import com.svix.models.EnvironmentIn;
import com.svix.models.EventIn;
import com.svix.models.HttpSinkHeadersPatchIn;
import com.svix.models.IngestEndpointHeadersIn;
import com.svix.models.IngestEndpointIn;
import com.svix.models.IngestEndpointSecretIn;
import com.svix.models.IngestEndpointTransformationPatch;
import com.svix.models.IngestEndpointUpdate;
import com.svix.models.IngestSourceConsumerPortalAccessIn;
import com.svix.models.IngestSourceIn;
import com.svix.models.IngestSourceInConfig;
import com.svix.models.IntegrationIn;
import com.svix.models.IntegrationUpdate;
import com.svix.models.PollingEndpointConsumerSeekIn;
import com.svix.models.RotatePollerTokenIn;
import com.svix.models.SinkTransformIn;
import com.svix.models.StreamEventTypeIn;
import com.svix.models.StreamEventTypePatch;
import com.svix.models.StreamIn;
import com.svix.models.StreamPatch;
import com.svix.models.StreamPortalAccessIn;
import com.svix.models.StreamSinkIn;
import com.svix.models.StreamSinkInConfig;
import com.svix.models.StreamSinkPatch;
import com.svix.models.StreamSinkPatchConfig;
import com.svix.models.StreamTokenExpireIn;
import java.net.URI;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;

/**
 * Operations that this version of Posthorn does not serve, as operations.json says.
 *
 * <p>Each has to be answered with a 501 that the SDK understands as an error of the API.
 */
record Unserved(Walk walk) {
    private static final String CODE = "function handler(webhook) { return webhook }";

    private static void unserved(String operation, Harness.Action call) throws Exception {
        step(operation, "501: this version does not serve it", () -> failsToo(501, "not_implemented", call));
    }

    private static void broken(String operation, Harness.Action call) throws Exception {
        step(operation, "the SDK cannot send it", () -> brokenInTheSdk(call));
    }

    void run() throws Exception {
        Svix svix = walk.svix;
        ofApplications(svix);
        ofOrganisations();
        ofSources(svix);
        ofIngestEndpoints(svix.getIngest().getEndpoint(), "src_1", "ep_1");
        ofStreams(svix, "strm_1");
        ofSinks(svix, "strm_1", "sink_1");
    }

    private void ofApplications(Svix svix) throws Exception {
        String app = walk.uid;
        Integration integration = svix.getIntegration();
        unserved("v1.integration.list", () -> integration.list(app));
        unserved("v1.integration.create", () -> integration.create(app, new IntegrationIn().name("Walk")));
        unserved("v1.integration.get", () -> integration.get(app, "integ_1"));
        unserved("v1.integration.update", () -> integration.update(app, "integ_1", new IntegrationUpdate().name("Walk")));
        unserved("v1.integration.delete", () -> integration.delete(app, "integ_1"));
        broken("v1.integration.rotate-key", () -> integration.rotateKey(app, "integ_1"));
        unserved("v1.integration.get-key", () -> integration.getKey(app, "integ_1"));
        MessagePoller poller = svix.getMessage().getPoller();
        PollingEndpointConsumerSeekIn seek = new PollingEndpointConsumerSeekIn().after(OffsetDateTime.now());
        unserved("v1.message.poller.poll", () -> poller.poll(app, "poll_1"));
        unserved("v1.message.poller.consumer-poll", () -> poller.consumerPoll(app, "poll_1", "one"));
        unserved("v1.message.poller.consumer-seek", () -> poller.consumerSeek(app, "poll_1", "one", seek));
    }

    /** The SDK has these resources, but does not offer them on its client. */
    private void ofOrganisations() throws Exception {
        Connector connector = new Connector(walk.svix.getHttpClient());
        unserved("v1.connector.list", () -> connector.list());
        unserved("v1.connector.create", () -> connector.create(new ConnectorIn().name("Walk").transformation(CODE)));
        unserved("v1.connector.get", () -> connector.get("trtmpl_1"));
        unserved("v1.connector.update", () -> connector.update("trtmpl_1", new ConnectorUpdate().transformation(CODE)));
        unserved("v1.connector.patch", () -> connector.patch("trtmpl_1", new ConnectorPatch().description("Walk")));
        unserved("v1.connector.delete", () -> connector.delete("trtmpl_1"));
        Environment environment = new Environment(walk.svix.getHttpClient());
        broken("v1.environment.export", () -> environment.export());
        unserved("v1.environment.import", () -> environment.import_(new EnvironmentIn()));
    }

    private void ofSources(Svix svix) throws Exception {
        IngestSource source = svix.getIngest().getSource();
        IngestSourceIn made =
                new IngestSourceIn().name("Walk").config(new IngestSourceInConfig.GenericWebhook());
        unserved("v1.ingest.source.list", () -> source.list());
        unserved("v1.ingest.source.create", () -> source.create(made));
        unserved("v1.ingest.source.get", () -> source.get("src_1"));
        unserved("v1.ingest.source.update", () -> source.update("src_1", made));
        unserved("v1.ingest.source.delete", () -> source.delete("src_1"));
        broken("v1.ingest.source.rotate-token", () -> source.rotateToken("src_1"));
        IngestSourceConsumerPortalAccessIn access = new IngestSourceConsumerPortalAccessIn();
        unserved("v1.ingest.dashboard", () -> svix.getIngest().dashboard("src_1", access));
    }

    private void ofIngestEndpoints(IngestEndpoint endpoint, String source, String id) throws Exception {
        URI url = URI.create("https://example.com");
        IngestEndpointHeadersIn headers = new IngestEndpointHeadersIn().headers(Map.of("X-Walk", "yes"));
        IngestEndpointTransformationPatch patch = new IngestEndpointTransformationPatch();
        unserved("v1.ingest.endpoint.list", () -> endpoint.list(source));
        unserved("v1.ingest.endpoint.create", () -> endpoint.create(source, new IngestEndpointIn().url(url)));
        unserved("v1.ingest.endpoint.get", () -> endpoint.get(source, id));
        unserved("v1.ingest.endpoint.update", () -> endpoint.update(source, id, new IngestEndpointUpdate().url(url)));
        unserved("v1.ingest.endpoint.delete", () -> endpoint.delete(source, id));
        unserved("v1.ingest.endpoint.get-secret", () -> endpoint.getSecret(source, id));
        unserved("v1.ingest.endpoint.rotate-secret", () -> endpoint.rotateSecret(source, id, new IngestEndpointSecretIn()));
        unserved("v1.ingest.endpoint.get-headers", () -> endpoint.getHeaders(source, id));
        unserved("v1.ingest.endpoint.update-headers", () -> endpoint.updateHeaders(source, id, headers));
        unserved("v1.ingest.endpoint.get-transformation", () -> endpoint.getTransformation(source, id));
        unserved("v1.ingest.endpoint.set-transformation", () -> endpoint.setTransformation(source, id, patch));
    }

    private void ofStreams(Svix svix, String id) throws Exception {
        StreamingStream stream = svix.getStreaming().getStream();
        unserved("v1.streaming.stream.list", () -> stream.list());
        unserved("v1.streaming.stream.create", () -> stream.create(new StreamIn().name("Walk")));
        unserved("v1.streaming.stream.get", () -> stream.get(id));
        unserved("v1.streaming.stream.update", () -> stream.update(id, new StreamIn().name("Walk")));
        unserved("v1.streaming.stream.patch", () -> stream.patch(id, new StreamPatch().description("Walk")));
        unserved("v1.streaming.stream.delete", () -> stream.delete(id));
        StreamingEventType eventType = svix.getStreaming().getEventType();
        StreamEventTypeIn type = new StreamEventTypeIn().name("walk");
        unserved("v1.streaming.event-type.list", () -> eventType.list());
        unserved("v1.streaming.event-type.create", () -> eventType.create(type));
        unserved("v1.streaming.event-type.get", () -> eventType.get("walk"));
        unserved("v1.streaming.event-type.update", () -> eventType.update("walk", type));
        unserved("v1.streaming.event-type.patch", () -> eventType.patch("walk", new StreamEventTypePatch().archived(true)));
        unserved("v1.streaming.event-type.delete", () -> eventType.delete("walk"));
        CreateStreamEventsIn events =
                new CreateStreamEventsIn().events(List.of(new EventIn().eventType("walk").payload("{}")));
        unserved("v1.streaming.events.get", () -> svix.getStreaming().getEvents().get(id, "sink_1"));
        unserved("v1.streaming.events.create", () -> svix.getStreaming().getEvents().create(id, events));
    }

    private void ofSinks(Svix svix, String stream, String id) throws Exception {
        StreamingSink sink = svix.getStreaming().getSink();
        StreamSinkIn made = new StreamSinkIn().config(new StreamSinkInConfig.Poller());
        StreamSinkPatch patch = new StreamSinkPatch().config(new StreamSinkPatchConfig.Poller());
        unserved("v1.streaming.sink.list", () -> sink.list(stream));
        unserved("v1.streaming.sink.create", () -> sink.create(stream, made));
        unserved("v1.streaming.sink.get", () -> sink.get(stream, id));
        unserved("v1.streaming.sink.update", () -> sink.update(stream, id, made));
        unserved("v1.streaming.sink.patch", () -> sink.patch(stream, id, patch));
        unserved("v1.streaming.sink.delete", () -> sink.delete(stream, id));
        unserved("v1.streaming.sink.get-secret", () -> sink.getSecret(stream, id));
        unserved("v1.streaming.sink.rotate-secret", () -> sink.rotateSecret(stream, id, new EndpointSecretRotateIn()));
        SinkTransformIn transform = new SinkTransformIn().code(CODE);
        unserved("v1.streaming.sink.transformation-partial-update", () ->
                sink.transformationPartialUpdate(stream, id, transform));
        unserved("v1.streaming.sink-transformation-get", () -> svix.getStreaming().sinkTransformationGet(stream, id));
        unserved("v1.streaming.sink-headers-get", () -> svix.getStreaming().sinkHeadersGet(stream, id));
        HttpSinkHeadersPatchIn headers = new HttpSinkHeadersPatchIn().headers(Map.of("X-Walk", "yes"));
        unserved("v1.streaming.sink-headers-patch", () -> svix.getStreaming().sinkHeadersPatch(stream, id, headers));

        Authentication authentication = svix.getAuthentication();
        RotatePollerTokenIn rotate = new RotatePollerTokenIn();
        unserved("v1.authentication.stream-portal-access", () ->
                authentication.streamPortalAccess(stream, new StreamPortalAccessIn()));
        unserved("v1.authentication.stream-expire-all", () ->
                authentication.streamExpireAll(stream, new StreamTokenExpireIn()));
        broken("v1.authentication.stream-logout", () -> authentication.streamLogout());
        unserved("v1.authentication.get-stream-poller-token", () -> authentication.getStreamPollerToken(stream, id));
        unserved("v1.authentication.rotate-stream-poller-token", () ->
                authentication.rotateStreamPollerToken(stream, id, rotate));
    }
}
