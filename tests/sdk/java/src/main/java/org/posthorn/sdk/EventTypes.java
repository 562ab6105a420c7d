package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.each;
import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.list;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.unique;
import static org.posthorn.sdk.Harness.with;

import com.svix.api.EventType;
import com.svix.api.EventTypeDeleteOptions;
import com.svix.api.EventTypeListOptions;
import com.svix.models.EventTypeFromOpenApi;
import com.svix.models.EventTypeImportOpenApiIn;
import com.svix.models.EventTypeImportOpenApiOut;
import com.svix.models.EventTypeIn;
import com.svix.models.EventTypeOut;
import com.svix.models.EventTypePatch;
import com.svix.models.EventTypeUpdate;
import com.svix.models.ListResponseEventTypeOut;
import java.util.List;
import java.util.Map;

/** Event types. Their names belong to the whole organisation, so this walk's have a prefix. */
record EventTypes(Walk walk) {
    private static final Map<String, Object> SCHEMAS =
            Map.of("1", Map.of("type", "object", "title", "An invoice", "examples", List.of(Map.of("amount", 1200))));

    private static EventTypeListOptions listing(String iterator, long limit) {
        EventTypeListOptions options = new EventTypeListOptions();
        options.setIterator(iterator);
        options.setLimit(limit);
        return options;
    }

    private static List<String> names(ListResponseEventTypeOut page) {
        return each(page.getData(), EventTypeOut::getName);
    }

    void run() throws Exception {
        EventType api = walk.svix.getEventType();
        String prefix = "w" + unique();
        walk.paid = prefix + ".invoice.paid";
        walk.sent = prefix + ".invoice.sent";
        walk.voided = prefix + ".invoice.void";

        step("v1.event-type.create", "creates an event type with a schema and a group", () -> {
            String group = prefix + ".invoice";
            EventTypeOut created = api.create(new EventTypeIn()
                    .name(walk.paid).description("An invoice was paid").schemas(SCHEMAS).groupName(group));
            equal(list(created.getName(), created.getDescription()), list(walk.paid, "An invoice was paid"), "name");
            equal(list(created.getSchemas(), created.getGroupName()), list(SCHEMAS, group), "schemas and group");
            equal(list(created.getArchived(), created.getDeprecated()), list(false, false), "archived, deprecated");
            walk.eventType = created;
            for (String name : List.of(walk.sent, walk.voided)) {
                api.create(new EventTypeIn().name(name).description("Another"));
            }
        });

        step("v1.event-type.get", "gets it as create answered it", () ->
                equal(api.get(walk.paid), walk.eventType, "event type"));

        step("v1.event-type.create", "409 when the name is taken", () -> {
            EventTypeIn again = new EventTypeIn().name(walk.paid).description("Again");
            fails(409, "event_type_exists", () -> api.create(again));
        });

        step("v1.event-type.create", "422 for what is no JSON Schema", () -> {
            Map<String, Object> bad = Map.of("1", Map.of("type", "no such type"));
            fails(422, null, () -> api.create(new EventTypeIn().name(prefix + ".bad").description("").schemas(bad)));
        });

        step("v1.event-type.get", "404 for an unknown event type", () ->
                fails(404, "not_found", () -> api.get(prefix + ".unknown")));

        step("v1.event-type.list", "iterates forwards and backwards", () -> {
            ListResponseEventTypeOut page = api.list(listing(walk.paid, 2));
            equal(names(page), List.of(walk.sent, walk.voided), "the page after the first");
            equal(page.getIterator(), walk.voided, "iterator");
            equal(names(api.list(listing(page.getPrevIterator(), 1))), List.of(walk.paid), "the page before");
        });

        step("v1.event-type.list", "leaves schemas out unless they are asked for", () -> {
            EventTypeListOptions first = listing("-" + walk.sent, 1);
            first.setWithContent(true);
            equal(api.list(first).getData().get(0).getSchemas(), SCHEMAS, "schemas with content");
            first.setWithContent(false);
            equal(api.list(first).getData().get(0).getSchemas(), null, "schemas without content");
        });

        step("v1.event-type.update", "replaces all fields", () -> {
            EventTypeOut updated =
                    api.update(walk.voided, new EventTypeUpdate().description("Voided").deprecated(true));
            equal(list(updated.getDescription(), updated.getDeprecated()), list("Voided", true), "fields");
            holds(updated.getSchemas() == null, "schemas out of nowhere");
        });

        step("v1.event-type.update", "creates what does not exist", () -> {
            api.update(prefix + ".put", new EventTypeUpdate().description("Put"));
            equal(api.get(prefix + ".put").getDescription(), "Put", "description");
        });

        step("v1.event-type.patch", "changes what is named and keeps the rest", () -> {
            String flag = prefix + "-beta";
            EventTypeOut patched =
                    api.patch(walk.paid, new EventTypePatch().description("Paid").featureFlag(flag));
            equal(list(patched.getDescription(), patched.getSchemas()), list("Paid", SCHEMAS), "fields");
            equal(list(patched.getFeatureFlag(), patched.getFeatureFlags()), list(flag, List.of(flag)), "flags");
        });

        step("v1.event-type.patch", "null clears a field", () -> {
            EventTypeOut patched = api.patch(walk.paid, new EventTypePatch().featureFlag(null));
            holds(patched.getFeatureFlag() == null && patched.getFeatureFlags() == null, "the feature flag stays");
        });

        step("v1.event-type.delete", "archives it: not listed any more, but there", () -> {
            api.delete(prefix + ".put");
            equal(api.get(prefix + ".put").getArchived(), true, "archived");
            EventTypeListOptions last = listing(walk.voided, 1);
            holds(!names(api.list(last)).contains(prefix + ".put"), "it is still listed");
            last.setIncludeArchived(true);
            equal(names(api.list(last)), List.of(prefix + ".put"), "the archived");
        });

        step("v1.event-type.create", "takes an archived one out of the archive", () -> {
            EventTypeOut again = api.create(new EventTypeIn().name(prefix + ".put").description("Back"));
            equal(list(again.getArchived(), again.getDescription()), list(false, "Back"), "fields");
        });

        step("v1.event-type.delete", "expunges it", () -> {
            api.delete(prefix + ".put", with(new EventTypeDeleteOptions(), it -> it.setExpunge(true)));
            fails(404, "not_found", () -> api.get(prefix + ".put"));
        });

        importing(api, prefix + ".imported");
    }

    private void importing(EventType api, String name) throws Exception {
        Map<String, Object> properties = Map.of("id", Map.of("type", "string"));
        Map<String, Object> schema = Map.of("type", "object", "properties", properties);
        Map<String, Object> body = Map.of("content", Map.of("application/json", Map.of("schema", schema)));
        Map<String, Object> post =
                Map.of("operationId", name, "description", "Imported", "requestBody", body, "responses", Map.of());
        Map<String, Object> spec = Map.of(
                "openapi", "3.1.0",
                "info", Map.of("title", "Walk", "version", "1"),
                "webhooks", Map.of(name, Map.of("post", post)));

        step("v1.event-type.import-openapi", "a dry run says what it would do, and does nothing", () -> {
            EventTypeImportOpenApiOut answer =
                    api.importOpenapi(new EventTypeImportOpenApiIn().spec(spec).dryRun(true));
            List<EventTypeFromOpenApi> found = answer.getData().getToModify();
            equal(found == null ? null : each(found, EventTypeFromOpenApi::getName), List.of(name), "to modify");
            fails(404, "not_found", () -> api.get(name));
        });

        step("v1.event-type.import-openapi", "imports the webhooks of an OpenAPI document", () -> {
            EventTypeImportOpenApiOut answer = api.importOpenapi(new EventTypeImportOpenApiIn().spec(spec));
            equal(answer.getData().getModified(), List.of(name), "modified");
            EventTypeOut imported = api.get(name);
            equal(imported.getDescription(), "Imported", "description");
            Object first = ((Map<?, ?>) imported.getSchemas()).get("1");
            equal(((Map<?, ?>) first).get("properties"), properties, "schema");
        });
    }
}
