package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.apart;
import static org.posthorn.sdk.Harness.brokenInTheSdk;
import static org.posthorn.sdk.Harness.each;
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
import static org.posthorn.sdk.Harness.with;

import com.fasterxml.jackson.databind.JsonNode;
import com.svix.api.Message;
import com.svix.api.MessageCreateOptions;
import com.svix.api.MessageGetOptions;
import com.svix.api.MessageListOptions;
import com.svix.models.ApplicationIn;
import com.svix.models.ListResponseMessageOut;
import com.svix.models.MessageIn;
import com.svix.models.MessageOut;
import com.svix.models.MessagePrecheckIn;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Messages: creating, reading and expunging them. Nobody receives these. */
record Messages(Walk walk, Message api, String app, String eventId) {
    // The SDK sends no payload, and this text in its place as transformationsParams.rawPayload.
    private static final String PAYLOAD = "{\"invoice\":42,\"customer\":\"Zoë\",\"lines\":[1.5,null,{\"deep\":true}]}";
    private static final Map<String, Boolean> EXPIRED = Map.of("expired", true);

    Messages(Walk walk) {
        this(walk, walk.svix.getMessage(), "walk-" + unique(), "invoice-" + unique());
    }

    private static MessageIn message(String eventType) {
        return new MessageIn().eventType(eventType).payload(PAYLOAD);
    }

    private MessageOut create(MessageIn message, Consumer<MessageCreateOptions> options) throws Exception {
        return apart(api.create(app, message, with(new MessageCreateOptions(), options)));
    }

    private MessageOut create(MessageIn message) throws Exception {
        return create(message, it -> {});
    }

    private MessageOut get(String id, boolean withContent) throws Exception {
        return api.get(app, id, with(new MessageGetOptions(), it -> it.setWithContent(withContent)));
    }

    private ListResponseMessageOut listed(Consumer<MessageListOptions> options) throws Exception {
        return api.list(app, with(new MessageListOptions(), options));
    }

    private static List<String> ids(ListResponseMessageOut page) {
        return each(page.getData(), MessageOut::getId);
    }

    void run() throws Exception {
        creates();
        gets();
        lists();

        step("v1.message.precheck", "says whether anybody would receive a message", () -> {
            MessagePrecheckIn precheck = new MessagePrecheckIn().eventType(walk.paid);
            equal(api.precheck(walk.uid, precheck).getActive(), true, "somebody");
            equal(api.precheck(app, precheck).getActive(), false, "nobody");
        });

        step("v1.message.expunge-content", "forgets the content and keeps the message", () -> {
            api.expungeContent(app, walk.message.getId());
            MessageOut found = get(walk.message.getId(), true);
            equal(list(found.getPayload(), sorted(found.getTags())), list(EXPIRED, List.of("quarter/1", "vip")), "rest");
        });

        step("v1.message.expunge-all-contents", "the SDK cannot send it", () ->
                brokenInTheSdk(() -> api.expungeAllContents(app)));
    }

    private void creates() throws Exception {
        step("v1.message.create", "creates the application along with the message", () -> {
            String uid = app + "-inline";
            MessageIn inline = message(walk.voided).application(new ApplicationIn().name("Inline").uid(uid));
            MessageOut created = api.create(uid, inline);
            equal(walk.svix.getApplication().get(uid).getName(), "Inline", "name of the application");
            equal(api.get(uid, created.getId()).getId(), created.getId(), "message");
            fails(422, null, () -> api.create(app + "-other", inline));
        });

        step("v1.message.create", "creates a message with nothing but an event type and a payload", () -> {
            walk.svix.getApplication().create(new ApplicationIn().name("Messages").uid(app));
            walk.plain = create(message(walk.voided));
            List<Object> optional = list(walk.plain.getChannels(), walk.plain.getTags(), walk.plain.getEventId());
            equal(optional, list(null, null, null), "the optional");
        });

        step("v1.message.create", "creates a message with channels, tags, an own id and a retention", () -> {
            MessageOut created = create(message(walk.paid)
                    .channels(set("north")).tags(set("quarter/1", "vip")).eventId(eventId).payloadRetentionPeriod(30L));
            holds(created.getId().startsWith("msg_"), "the id " + created.getId());
            equal(list(created.getEventType(), created.getEventId()), list(walk.paid, eventId), "event type and id");
            equal(list(created.getChannels(), sorted(created.getTags())), list(List.of("north"), List.of("quarter/1", "vip")), "tags");
            Duration age = Duration.between(created.getTimestamp(), OffsetDateTime.now()).abs();
            holds(age.compareTo(Duration.ofMinutes(5)) < 0, "the time " + created.getTimestamp());
            walk.message = created;
        });

        step("v1.message.create", "leaves the content out of the answer if it is not wanted", () -> {
            MessageIn message = message(walk.sent).channels(set("south")).payloadRetentionHours(48L);
            walk.bare = create(message, it -> it.setWithContent(false));
            equal(walk.bare.getPayload(), Map.of(), "payload");
        });

        step("v1.message.create", "a repeat with the same idempotency key is the same message", () -> {
            String key = unique();
            MessageOut first = create(message(walk.voided), it -> it.setIdempotencyKey(key));
            MessageOut again = create(message(walk.voided), it -> it.setIdempotencyKey(key));
            equal(list(again.getId(), again.getTimestamp()), list(first.getId(), first.getTimestamp()), "id and time");
            MessageOut other = create(message(walk.voided), it -> it.setIdempotencyKey(unique()));
            holds(!other.getId().equals(first.getId()), "another key is the same message, too");
        });

        step("v1.message.create", "409 when the own id is taken", () ->
                fails(409, "conflict", () -> create(message(walk.paid).eventId(eventId))));

        step("v1.message.create", "422 for an event type that is no name, and 404 for an unknown application", () -> {
            JsonNode loc = fails(422, null, () -> create(message("not a name"))).path(0).path("loc");
            equal(list(loc.path(0), loc.path(1)), list("body", "eventType"), "place");
            fails(404, "not_found", () -> api.create(app + "-unknown", message(walk.paid)));
        });
    }

    private void gets() throws Exception {
        step("v1.message.get", "gets it by id and by the own id, with the payload that was sent", () -> {
            for (String name : List.of(walk.message.getId(), eventId)) {
                MessageOut found = get(name, true);
                equal(found.getPayload(), parsed(PAYLOAD), "payload");
                equal(list(found.getId(), found.getTimestamp()), list(walk.message.getId(), walk.message.getTimestamp()), name);
            }
        });

        step("v1.message.get", "leaves the content out if it is not wanted", () ->
                equal(get(walk.message.getId(), false).getPayload(), Map.of(), "payload"));

        step("v1.message.get", "404 for an unknown message", () ->
                fails(404, "not_found", () -> api.get(app, eventId + "-unknown")));
    }

    private void lists() throws Exception {
        step("v1.message.list", "iterates forwards and backwards, the newest first", () -> {
            List<String> all = eventually(() -> {
                List<String> found = ids(api.list(app));
                equal(found.size(), 5, "number of messages");
                return found;
            });
            equal(all.subList(3, 5), List.of(walk.message.getId(), walk.plain.getId()), "the oldest");
            ListResponseMessageOut page = listed(it -> it.setLimit(2L));
            equal(list(ids(page), page.getDone()), list(all.subList(0, 2), false), "the first page");
            ListResponseMessageOut second = listed(it -> { it.setLimit(2L); it.setIterator(page.getIterator()); });
            equal(ids(second), all.subList(2, 4), "the second page");
            ListResponseMessageOut last = listed(it -> { it.setLimit(2L); it.setIterator(second.getIterator()); });
            equal(list(ids(last), last.getDone()), list(all.subList(4, 5), true), "the last page");
            List<String> back = ids(listed(it -> { it.setLimit(2L); it.setIterator(second.getPrevIterator()); }));
            equal(back, all.subList(0, 2), "back on the first page");
        });

        step("v1.message.list", "filters by event type, channel and tag", () -> {
            List<String> types = ids(listed(it -> it.setEventTypes(set(walk.paid, walk.sent))));
            equal(types, List.of(walk.bare.getId(), walk.message.getId()), "event types");
            equal(ids(listed(it -> it.setChannel("north"))), List.of(walk.message.getId()), "channel");
            equal(ids(listed(it -> it.setTag("vip"))), List.of(walk.message.getId()), "tag");
            equal(ids(listed(it -> it.setTag("nobody"))), List.of(), "a tag without messages");
        });

        step("v1.message.list", "filters by time", () -> {
            OffsetDateTime start = walk.message.getTimestamp();
            equal(ids(listed(it -> it.setBefore(start))), List.of(walk.plain.getId()), "before");
            List<String> after = ids(listed(it -> it.setAfter(start)));
            holds(!after.contains(walk.plain.getId()) && after.size() >= 3, "after shows " + after);
            equal(ids(listed(it -> it.setAfter(OffsetDateTime.now().plusMinutes(5)))), List.of(), "after the last");
        });

        step("v1.message.list", "shows the content only if it is wanted", () -> {
            MessageOut full = listed(it -> { it.setChannel("north"); it.setWithContent(true); }).getData().get(0);
            equal(full.getPayload(), parsed(PAYLOAD), "with content");
            MessageOut bare = listed(it -> { it.setChannel("north"); it.setWithContent(false); }).getData().get(0);
            equal(bare.getPayload(), Map.of(), "without content");
        });
    }
}
