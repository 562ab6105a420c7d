package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.each;
import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.failsToo;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.list;
import static org.posthorn.sdk.Harness.set;
import static org.posthorn.sdk.Harness.sorted;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.unique;
import static org.posthorn.sdk.Harness.with;

import com.fasterxml.jackson.databind.JsonNode;
import com.svix.api.Endpoint;
import com.svix.api.EndpointListOptions;
import com.svix.models.EndpointHeadersIn;
import com.svix.models.EndpointHeadersOut;
import com.svix.models.EndpointHeadersPatchIn;
import com.svix.models.EndpointIn;
import com.svix.models.EndpointOut;
import com.svix.models.EndpointPatch;
import com.svix.models.EndpointTransformationPatch;
import com.svix.models.EndpointUpdate;
import com.svix.models.ListResponseEndpointOut;
import com.svix.models.Ordering;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Endpoints: what they are, not what arrives at them. */
record Endpoints(Walk walk) {
    private static URI example(Object path) {
        return URI.create("https://example.com/" + path);
    }

    private static List<String> ids(ListResponseEndpointOut page) {
        return each(page.getData(), EndpointOut::getId);
    }

    void run() throws Exception {
        Endpoint api = walk.svix.getEndpoint();
        String app = walk.uid;
        String uid = "walk-" + unique();

        step("v1.endpoint.create", "creates an endpoint with headers and filters", () -> {
            EndpointOut created = api.create(app, new EndpointIn()
                    .url(URI.create("http://EXAMPLE.com"))
                    .uid(uid)
                    .description("Invoices")
                    .filterTypes(set(walk.paid, walk.sent))
                    .channels(set("north", "south"))
                    .headers(Map.of("X-Walk", "yes", "Authorization", "Basic secret"))
                    .metadata(Map.of("tier", "one"))
                    .throttleRate(50L));
            holds(created.getId().startsWith("ep_"), "the id " + created.getId());
            equal(list(created.getUrl(), created.getUid()), list("http://example.com/", uid), "url and uid");
            equal(list(created.getDescription(), created.getDisabled()), list("Invoices", false), "fields");
            equal(sorted(created.getChannels()), List.of("north", "south"), "channels");
            equal(sorted(created.getFilterTypes()), sorted(List.of(walk.paid, walk.sent)), "event types");
            equal(created.getMetadata(), Map.of("tier", "one"), "metadata");
            equal(list(created.getThrottleRate(), created.getRateLimit(), created.getVersion()), list(50, 50, 1), "rates");
            walk.endpoint = created;
        });

        step("v1.endpoint.get", "gets it by id and by uid, as create answered it", () -> {
            for (String name : List.of(walk.endpoint.getId(), uid)) {
                EndpointOut found = api.get(app, name);
                equal(list(found.getId(), found.getUrl()), list(walk.endpoint.getId(), walk.endpoint.getUrl()), name);
                equal(found.getCreatedAt(), walk.endpoint.getCreatedAt(), "time of creation");
                equal(found.getMetadata(), walk.endpoint.getMetadata(), "metadata");
            }
        });

        step("v1.endpoint.create", "an endpoint without filters has none", () -> {
            walk.endpoints.add(walk.endpoint.getId());
            for (int number : List.of(2, 3)) {
                EndpointOut plain = api.create(app, new EndpointIn().url(example(number)).disabled(true));
                equal(list(plain.getFilterTypes(), plain.getChannels(), plain.getUid()), list(null, null, null), "filters");
                equal(list(plain.getDisabled(), plain.getMetadata(), plain.getDescription()), list(true, Map.of(), ""), "rest");
                walk.endpoints.add(plain.getId());
            }
        });

        step("v1.endpoint.create", "409 when the uid is taken", () ->
                fails(409, "conflict", () -> api.create(app, new EndpointIn().url(example("again")).uid(uid))));

        step("v1.endpoint.create", "422 for an unknown event type, and for what is no URL", () -> {
            EndpointIn unknown = new EndpointIn().url(example("unknown")).filterTypes(set("no.such.type"));
            String words = fails(422, null, () -> api.create(app, unknown)).path(0).path("msg").asText();
            holds(words.contains("no.such.type"), "the message does not name it: " + words);
            EndpointIn bad = new EndpointIn().url(URI.create("no-url"));
            JsonNode loc = fails(422, null, () -> api.create(app, bad)).path(0).path("loc");
            equal(list(loc.path(0), loc.path(1)), list("body", "url"), "place");
        });

        step("v1.endpoint.get", "404 for an unknown endpoint, and for an unknown application", () -> {
            fails(404, "not_found", () -> api.get(app, uid + "-unknown"));
            fails(404, "not_found", () -> api.get(app + "-unknown", uid));
        });

        lists(api, app);
        changes(api, app, uid);
        headers(api, app, uid);
        secrets(api, app);

        step("v1.endpoint.transformation-get", "501: there are no transformations yet", () ->
                fails(501, "not_implemented", () -> api.transformationGet(app, uid)));

        step("v1.endpoint.patch-transformation", "501: there are no transformations yet", () -> {
            EndpointTransformationPatch patch = new EndpointTransformationPatch().enabled(true);
            failsToo(501, "not_implemented", () -> api.patchTransformation(app, uid, patch));
        });
    }

    private void lists(Endpoint api, String app) throws Exception {
        step("v1.endpoint.list", "iterates forwards and backwards, the newest first", () -> {
            List<String> all = walk.endpoints;
            EndpointListOptions listing = with(new EndpointListOptions(), it -> it.setLimit(2L));
            ListResponseEndpointOut page = api.list(app, listing);
            equal(ids(page), List.of(all.get(2), all.get(1)), "the first page");
            equal(list(page.getDone(), page.getIterator()), list(false, all.get(1)), "done and iterator");
            listing.setIterator(page.getIterator());
            ListResponseEndpointOut last = api.list(app, listing);
            equal(list(ids(last), last.getDone()), list(List.of(all.get(0)), true), "the last page");
            listing.setLimit(1L);
            listing.setIterator(last.getPrevIterator());
            equal(ids(api.list(app, listing)), List.of(all.get(1)), "the page before the last");
        });

        step("v1.endpoint.list", "lists in ascending order", () -> {
            EndpointListOptions listing = with(new EndpointListOptions(), it -> it.setOrder(Ordering.ASCENDING));
            equal(ids(api.list(app, listing)), walk.endpoints, "endpoints");
        });
    }

    private void changes(Endpoint api, String app, String uid) throws Exception {
        step("v1.endpoint.update", "replaces all fields but the secret and the headers", () -> {
            String before = api.getSecret(app, uid).getKey();
            EndpointUpdate put = new EndpointUpdate().url(example("put")).uid(uid).channels(set("east"));
            EndpointOut updated = api.update(app, uid, put);
            equal(list(updated.getId(), updated.getUrl()), list(walk.endpoint.getId(), example("put")), "id and url");
            equal(list(updated.getDescription(), updated.getChannels()), list("", List.of("east")), "fields");
            equal(list(updated.getFilterTypes(), updated.getThrottleRate()), list(null, null), "what was left out");
            equal(api.getSecret(app, uid).getKey(), before, "secret");
        });

        step("v1.endpoint.update", "creates what does not exist", () -> {
            EndpointUpdate put = new EndpointUpdate().url(example("new")).uid(uid + "-put").disabled(true);
            EndpointOut created = api.update(app, uid + "-put", put);
            equal(api.get(app, uid + "-put").getId(), created.getId(), "id");
        });

        step("v1.endpoint.patch", "changes what is named and keeps the rest", () -> {
            EndpointPatch patch = new EndpointPatch().description("Patched").filterTypes(set(walk.voided));
            EndpointOut patched = api.patch(app, uid, patch);
            equal(list(patched.getDescription(), patched.getFilterTypes()), list("Patched", List.of(walk.voided)), "new");
            equal(list(patched.getUrl(), patched.getChannels()), list(example("put"), List.of("east")), "what stays");
        });

        step("v1.endpoint.patch", "null clears a field", () -> {
            EndpointOut patched = api.patch(app, uid, new EndpointPatch().channels(null).filterTypes(null));
            equal(list(patched.getChannels(), patched.getFilterTypes()), list(null, null), "filters");
            equal(patched.getDescription(), "Patched", "description");
        });

        step("v1.endpoint.delete", "deletes it", () -> {
            api.delete(app, uid + "-put");
            fails(404, "not_found", () -> api.get(app, uid + "-put"));
        });
    }

    private void headers(Endpoint api, String app, String uid) throws Exception {
        step("v1.endpoint.get-headers", "shows the headers; those that hold secrets are only named", () -> {
            EndpointHeadersOut found = api.getHeaders(app, uid);
            equal(found.getHeaders(), Map.of("X-Walk", "yes"), "headers");
            List<String> names = each(found.getSensitive(), name -> name.toLowerCase(Locale.ROOT));
            equal(names, List.of("authorization"), "sensitive");
        });

        step("v1.endpoint.update-headers", "replaces all headers", () -> {
            Map<String, String> headers = Map.of("X-One", "1", "X-Two", "2");
            api.updateHeaders(app, uid, new EndpointHeadersIn().headers(headers));
            EndpointHeadersOut found = api.getHeaders(app, uid);
            equal(list(found.getHeaders(), found.getSensitive()), list(headers, List.of()), "headers");
        });

        step("v1.endpoint.update-headers", "422 for a header that is ours to set", () -> {
            EndpointHeadersIn ours = new EndpointHeadersIn().headers(Map.of("svix-id", "mine"));
            failsToo(422, null, () -> api.updateHeaders(app, uid, ours));
        });

        step("v1.endpoint.patch-headers", "sets and deletes single headers", () -> {
            api.patchHeaders(app, uid, new EndpointHeadersPatchIn()
                    .headers(Map.of("X-Two", "two", "X-Three", "3")).deleteHeaders(List.of("X-One")));
            equal(api.getHeaders(app, uid).getHeaders(), Map.of("X-Two", "two", "X-Three", "3"), "headers");
        });
    }

    private void secrets(Endpoint api, String app) throws Exception {
        step("v1.endpoint.get-secret", "is a secret that was made for this endpoint alone", () -> {
            Set<String> secrets = new TreeSet<>();
            for (String id : walk.endpoints) {
                secrets.add(api.getSecret(app, id).getKey());
            }
            equal(secrets.size(), 3, "different secrets");
            holds(secrets.stream().allMatch(it -> it.startsWith("whsec_")), "a secret without whsec_");
        });

        step("v1.endpoint.get-secret", "is the one that was brought along", () -> {
            String secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
            EndpointOut own = api.create(app, new EndpointIn().url(example("own")).secret(secret).disabled(true));
            equal(api.getSecret(app, own.getId()).getKey(), secret, "secret");
            api.delete(app, own.getId());
        });
    }
}
