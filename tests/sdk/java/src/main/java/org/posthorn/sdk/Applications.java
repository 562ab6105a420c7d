package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.each;
import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.failsToo;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.list;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.unique;
import static org.posthorn.sdk.Harness.with;

import com.fasterxml.jackson.databind.JsonNode;
import com.svix.Svix;
import com.svix.api.Application;
import com.svix.api.ApplicationCreateOptions;
import com.svix.api.ApplicationListOptions;
import com.svix.models.ApplicationIn;
import com.svix.models.ApplicationOut;
import com.svix.models.ApplicationPatch;
import com.svix.models.ListResponseApplicationOut;
import com.svix.models.Ordering;
import java.util.List;
import java.util.Map;

/** Applications, and the errors that every resource shares. */
record Applications(Walk walk) {
    private static List<String> ids(ListResponseApplicationOut page) {
        return each(page.getData(), ApplicationOut::getId);
    }

    void run() throws Exception {
        Application api = walk.svix.getApplication();
        String uid = "walk-" + unique();
        walk.uid = uid;

        step("v1.application.create", "creates an application", () -> {
            ApplicationOut created = api.create(new ApplicationIn()
                    .name("Walk").uid(uid).throttleRate(200L).metadata(Map.of("plan", "gold")));
            holds(created.getId().startsWith("app_"), "the id " + created.getId());
            equal(list(created.getName(), created.getUid()), list("Walk", uid), "name and uid");
            equal(list(created.getThrottleRate(), created.getRateLimit()), list(200, 200), "rates");
            equal(created.getMetadata(), Map.of("plan", "gold"), "metadata");
            walk.app = created;
        });

        step("v1.application.get", "gets it by id and by uid, as create answered it", () -> {
            equal(api.get(walk.app.getId()), walk.app, "by id");
            equal(api.get(uid), walk.app, "by uid");
        });

        step("v1.application.create", "get-or-create returns what exists, unchanged", () ->
                equal(api.getOrCreate(new ApplicationIn().name("Another name").uid(uid)), walk.app, "application"));

        step("v1.application.create", "get-or-create creates what does not exist", () -> {
            walk.second = api.getOrCreate(new ApplicationIn().name("Second").uid(uid + "-2"));
            equal(list(walk.second.getName(), walk.second.getMetadata()), list("Second", Map.of()), "fields");
        });

        step("v1.application.create", "a repeat with the same idempotency key is the same application", () -> {
            ApplicationCreateOptions key = with(new ApplicationCreateOptions(), it -> it.setIdempotencyKey(unique()));
            walk.third = api.create(new ApplicationIn().name("Third"), key);
            equal(api.create(new ApplicationIn().name("Third"), key), walk.third, "application");
            holds(walk.third.getUid() == null, "a uid out of nowhere");
        });

        step("v1.application.create", "409 when the uid is taken", () ->
                fails(409, "conflict", () -> api.create(new ApplicationIn().name("Taken").uid(uid))));

        step("v1.application.create", "422 for an empty name, with its place", () -> {
            JsonNode detail = fails(422, null, () -> api.create(new ApplicationIn().name("")));
            equal(detail.path(0).path("loc"), List.of("body", "name"), "place");
            equal(detail.path(0).path("type"), "value_error", "type");
            holds(!detail.path(0).path("msg").asText().isEmpty(), "no message");
        });

        step("v1.application.get", "404 for an unknown application", () ->
                fails(404, "not_found", () -> api.get(uid + "-unknown")));

        step("v1.application.list", "401 for a token of another key", () -> {
            String[] parts = walk.token.split("\\.");
            Svix stranger = walk.client(parts[0] + "." + parts[1] + "." + "A".repeat(43));
            fails(401, "authentication_failed", () -> stranger.getApplication().list());
        });

        step("v1.application.update", "replaces all fields", () -> {
            ApplicationOut updated = api.update(uid, new ApplicationIn().name("Renamed").uid(uid));
            equal(list(updated.getId(), updated.getName()), list(walk.app.getId(), "Renamed"), "id and name");
            equal(list(updated.getThrottleRate(), updated.getMetadata()), list(null, Map.of()), "what was left out");
            equal(updated.getCreatedAt(), walk.app.getCreatedAt(), "time of creation");
            holds(updated.getUpdatedAt().isAfter(walk.app.getUpdatedAt()), "the time of the update stays");
        });

        step("v1.application.update", "creates what does not exist", () -> {
            ApplicationOut created = api.update(uid + "-put", new ApplicationIn().name("Put").uid(uid + "-put"));
            equal(api.get(uid + "-put"), created, "application");
        });

        step("v1.application.patch", "changes what is named and keeps the rest", () -> {
            ApplicationOut patched =
                    api.patch(uid, new ApplicationPatch().throttleRate(100L).metadata(Map.of("plan", "silver")));
            equal(list(patched.getName(), patched.getThrottleRate()), list("Renamed", 100), "name and rate");
            equal(patched.getMetadata(), Map.of("plan", "silver"), "metadata");
        });

        step("v1.application.patch", "null clears a field", () -> {
            ApplicationOut patched = api.patch(uid, new ApplicationPatch().throttleRate(null));
            equal(list(patched.getThrottleRate(), patched.getMetadata()), list(null, Map.of("plan", "silver")), "fields");
        });

        step("v1.application.list", "iterates forwards and backwards", () -> {
            List<String> ids = List.of(walk.app.getId(), walk.second.getId(), walk.third.getId());
            ApplicationListOptions listing = new ApplicationListOptions();
            listing.setLimit(2L);
            listing.setOrder(Ordering.ASCENDING);
            listing.setIterator(ids.get(0));
            ListResponseApplicationOut page = api.list(listing);
            equal(ids(page), ids.subList(1, 3), "the page after the first");
            equal(list(page.getIterator(), page.getPrevIterator()), list(ids.get(2), "-" + ids.get(1)), "iterators");
            listing.setIterator("-" + ids.get(2));
            equal(ids(api.list(listing)), ids.subList(0, 2), "the page before the last");
        });

        step("v1.application.list", "lists in descending order", () -> {
            ApplicationListOptions listing = new ApplicationListOptions();
            listing.setLimit(2L);
            listing.setOrder(Ordering.DESCENDING);
            listing.setIterator(walk.third.getId());
            equal(ids(api.list(listing)), List.of(walk.second.getId(), walk.app.getId()), "the page after the newest");
        });

        step("v1.application.list", "422 for a limit beyond 250", () -> {
            ApplicationListOptions listing = with(new ApplicationListOptions(), it -> it.setLimit(251L));
            JsonNode loc = fails(422, null, () -> api.list(listing)).path(0).path("loc");
            equal(list(loc.path(0), loc.path(1)), list("query", "limit"), "place");
        });

        step("v1.application.delete", "deletes it, and frees its uid", () -> {
            api.delete(uid + "-put");
            fails(404, "not_found", () -> api.get(uid + "-put"));
            failsToo(404, "not_found", () -> api.delete(uid + "-put"));
            api.create(new ApplicationIn().name("Again").uid(uid + "-put"));
            api.delete(uid + "-put");
        });
    }
}
