package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.eventually;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.list;
import static org.posthorn.sdk.Harness.parsed;
import static org.posthorn.sdk.Harness.set;
import static org.posthorn.sdk.Harness.sorted;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.unique;

import com.fasterxml.jackson.databind.JsonNode;
import com.svix.Webhook;
import com.svix.api.OperationalWebhookEndpoint;
import com.svix.models.ApplicationIn;
import com.svix.models.ApplicationOut;
import com.svix.models.EndpointIn;
import com.svix.models.EndpointOut;
import com.svix.models.OperationalWebhookEndpointHeadersIn;
import com.svix.models.OperationalWebhookEndpointHeadersOut;
import com.svix.models.OperationalWebhookEndpointIn;
import com.svix.models.OperationalWebhookEndpointOut;
import com.svix.models.OperationalWebhookEndpointSecretIn;
import com.svix.models.OperationalWebhookEndpointUpdate;
import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Endpoints that receive what happens to applications and endpoints. */
record OperationalWebhooks(Walk walk) {
    void run() throws Exception {
        OperationalWebhookEndpoint api = walk.svix.getOperationalWebhook().getEndpoint();
        String uid = "walk-" + unique();
        String path = walk.receiver.path("operational");
        URI url = walk.receiver.url(path);
        Map<String, String> headers = Map.of("X-Walk", "operational");

        step("v1.operational-webhook.endpoint.create", "creates an endpoint for some event types", () -> {
            Map<String, String> metadata = Map.of("team", "core");
            OperationalWebhookEndpointOut created = api.create(new OperationalWebhookEndpointIn()
                    .url(url).uid(uid).description("Operations").metadata(metadata)
                    .filterTypes(set("endpoint.created", "endpoint.deleted")));
            holds(created.getId().startsWith("ep_"), "the id " + created.getId());
            equal(list(created.getUid(), created.getDescription()), list(uid, "Operations"), "fields");
            equal(created.getMetadata(), metadata, "metadata");
            equal(sorted(created.getFilterTypes()), List.of("endpoint.created", "endpoint.deleted"), "event types");
            walk.hook = created;
        });

        step("v1.operational-webhook.endpoint.create", "409 when the uid is taken", () ->
                fails(409, "conflict", () -> api.create(new OperationalWebhookEndpointIn().url(url).uid(uid))));

        step("v1.operational-webhook.endpoint.get", "gets it as create answered it", () -> {
            equal(api.get(uid), walk.hook, "endpoint");
            fails(404, "not_found", () -> api.get(uid + "-unknown"));
        });

        step("v1.operational-webhook.endpoint.list", "lists it", () ->
                holds(api.list().getData().stream().anyMatch(one -> one.getId().equals(walk.hook.getId())), "not listed"));

        step("v1.operational-webhook.endpoint.update-headers", "replaces all headers", () ->
                api.updateHeaders(uid, new OperationalWebhookEndpointHeadersIn().headers(headers)));

        step("v1.operational-webhook.endpoint.get-headers", "shows the headers", () -> {
            OperationalWebhookEndpointHeadersOut found = api.getHeaders(uid);
            equal(list(found.getHeaders(), found.getSensitive()), list(headers, List.of()), "headers");
        });

        step("v1.operational-webhook.endpoint.get-secret", "verifies what the endpoint is told", () -> {
            ApplicationOut app =
                    walk.svix.getApplication().create(new ApplicationIn().name("Operations").uid(uid + "-app"));
            EndpointIn made = new EndpointIn().url(URI.create("https://example.com/told")).disabled(true);
            EndpointOut endpoint = walk.svix.getEndpoint().create(app.getId(), made);
            String secret = api.getSecret(uid).getKey();
            Receiver.Received told = eventually(() ->
                    walk.receiver.received(path).stream()
                            .filter(one -> one.body().contains(endpoint.getId()))
                            .findFirst()
                            .orElseThrow(() -> new Harness.CheckFailed("nothing about the endpoint")));
            new Webhook(secret).verify(told.body(), told.headers());
            JsonNode body = parsed(told.body());
            equal(body.path("type"), "endpoint.created", "type");
            Map<String, Object> data = new HashMap<>();
            for (String name : List.of("appId", "appUid", "endpointId", "endpointUid")) {
                data.put(name, body.path("data").path(name));
            }
            Map<String, Object> expected = new HashMap<>();
            expected.put("appId", app.getId());
            expected.put("appUid", app.getUid());
            expected.put("endpointId", endpoint.getId());
            expected.put("endpointUid", null);
            equal(data, expected, "data");
            equal(told.header("x-walk"), "operational", "own header");
        });

        step("v1.operational-webhook.endpoint.rotate-secret", "replaces the secret", () -> {
            String old = api.getSecret(uid).getKey();
            api.rotateSecret(uid, new OperationalWebhookEndpointSecretIn());
            holds(!api.getSecret(uid).getKey().equals(old), "the secret stays");
        });

        step("v1.operational-webhook.endpoint.update", "replaces all fields", () -> {
            URI next = URI.create("https://example.com/put");
            OperationalWebhookEndpointOut updated =
                    api.update(uid, new OperationalWebhookEndpointUpdate().url(next).uid(uid).disabled(true));
            equal(list(updated.getId(), updated.getUrl()), list(walk.hook.getId(), next), "id and url");
            List<Object> rest = list(updated.getDisabled(), updated.getDescription(), updated.getFilterTypes());
            equal(rest, list(true, "", null), "the rest");
        });

        step("v1.operational-webhook.endpoint.delete", "deletes it", () -> {
            api.delete(uid);
            fails(404, "not_found", () -> api.get(uid));
        });
    }
}
