package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.each;
import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.eventually;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.list;
import static org.posthorn.sdk.Harness.set;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.with;

import com.svix.api.MessageAttempt;
import com.svix.api.MessageAttemptListAttemptedDestinationsOptions;
import com.svix.api.MessageAttemptListAttemptedMessagesOptions;
import com.svix.api.MessageAttemptListByEndpointOptions;
import com.svix.api.MessageAttemptListByMsgOptions;
import com.svix.models.EndpointMessageOut;
import com.svix.models.EndpointOut;
import com.svix.models.ListResponseMessageAttemptOut;
import com.svix.models.ListResponseMessageEndpointOut;
import com.svix.models.MessageAttemptOut;
import com.svix.models.MessageEndpointOut;
import com.svix.models.MessageOut;
import com.svix.models.MessageStatus;
import com.svix.models.StatusCodeClass;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The attempts that deliveries took, in all listings and with all filters. */
record Attempts(Walk walk, MessageAttempt api, String app) {
    private static final int ALL = 1 + Deliveries.ATTEMPTS;

    Attempts(Walk walk, String app) {
        this(walk, walk.svix.getMessageAttempt(), app);
    }

    private static List<String> ids(ListResponseMessageAttemptOut page) {
        return each(page.getData(), MessageAttemptOut::getId);
    }

    private ListResponseMessageAttemptOut ofMessage(Consumer<MessageAttemptListByMsgOptions> options) throws Exception {
        return api.listByMsg(app, walk.toBoth.getId(), with(new MessageAttemptListByMsgOptions(), options));
    }

    private int count(Consumer<MessageAttemptListByMsgOptions> options) throws Exception {
        return ofMessage(options).getData().size();
    }

    private ListResponseMessageAttemptOut at(
            EndpointOut endpoint, Consumer<MessageAttemptListByEndpointOptions> options) throws Exception {
        return api.listByEndpoint(app, endpoint.getId(), with(new MessageAttemptListByEndpointOptions(), options));
    }

    private List<String> messagesAt(
            EndpointOut endpoint, Consumer<MessageAttemptListByEndpointOptions> options) throws Exception {
        return at(endpoint, options).getData().stream().map(MessageAttemptOut::getMsgId).distinct().sorted().toList();
    }

    private List<EndpointMessageOut> attempted(
            EndpointOut endpoint, Consumer<MessageAttemptListAttemptedMessagesOptions> options) throws Exception {
        MessageAttemptListAttemptedMessagesOptions listing =
                with(new MessageAttemptListAttemptedMessagesOptions(), options);
        return api.listAttemptedMessages(app, endpoint.getId(), listing).getData();
    }

    void run() throws Exception {
        byMessage();
        filtersByMessage();
        single();
        byEndpoint();
        messages();
        destinations();
    }

    private void byMessage() throws Exception {
        step("v1.message-attempt.list-by-msg", "lists all attempts, the newest first", () -> {
            List<MessageAttemptOut> found = eventually(() -> {
                List<MessageAttemptOut> data = ofMessage(it -> it.setWithContent(true)).getData();
                equal(data.size(), ALL, "number of attempts");
                return data;
            });
            for (int index = 0; index < found.size(); index++) {
                MessageAttemptOut one = found.get(index);
                // Ids, which decide about the order, have a resolution of 4 ms.
                holds(index == 0 || one.getTimestamp().minusNanos(20_000_000).isBefore(found.get(index - 1).getTimestamp()), "order");
                if (one.getEndpointId().equals(walk.good.getId())) {
                    walk.attempt = one;
                    continue;
                }
                walk.failedAttempt = one;
                equal(list(one.getStatus(), one.getStatusText(), one.getResponseStatusCode()), list(2, "fail", 500), "failed");
            }
            MessageAttemptOut one = walk.attempt;
            equal(list(one.getStatus(), one.getStatusText(), one.getResponseStatusCode()), list(0, "success", 200), "status");
            equal(list(one.getMsgId(), one.getUrl()), list(walk.toBoth.getId(), walk.good.getUrl()), "message and url");
            equal(one.getTriggerType(), 0, "trigger");
            holds(one.getResponse().contains("received"), "the response " + one.getResponse());
            holds(one.getResponseDurationMs() >= 0, "a negative duration");
        });

        step("v1.message-attempt.list-by-msg", "iterates forwards and backwards", () -> {
            List<String> all = ids(ofMessage(it -> {}));
            ListResponseMessageAttemptOut first = ofMessage(it -> it.setLimit(2L));
            equal(list(ids(first), first.getDone()), list(all.subList(0, 2), false), "the first page");
            ListResponseMessageAttemptOut second =
                    ofMessage(it -> { it.setLimit(2L); it.setIterator(first.getIterator()); });
            equal(list(ids(second), second.getDone()), list(all.subList(2, ALL), true), "the second page");
            List<String> back = ids(ofMessage(it -> { it.setLimit(2L); it.setIterator(second.getPrevIterator()); }));
            equal(back, all.subList(0, 2), "back on the first page");
        });
    }

    private void filtersByMessage() throws Exception {
        step("v1.message-attempt.list-by-msg", "filters by status, status code class and endpoint", () -> {
            equal(count(it -> it.setStatus(MessageStatus.SUCCESS)), 1, "successes");
            equal(count(it -> it.setStatus(MessageStatus.FAIL)), Deliveries.ATTEMPTS, "failures");
            equal(count(it -> it.setStatusCodeClass(StatusCodeClass.CODE2XX)), 1, "2xx");
            equal(count(it -> it.setStatusCodeClass(StatusCodeClass.CODE5XX)), Deliveries.ATTEMPTS, "5xx");
            equal(count(it -> it.setStatusCodeClass(StatusCodeClass.CODE_NONE)), 0, "without an answer");
            equal(count(it -> it.setEndpointId(walk.good.getId())), 1, "of one endpoint");
            fails(404, "not_found", () -> count(it -> it.setEndpointId(Deliveries.NO_ENDPOINT)));
        });

        step("v1.message-attempt.list-by-msg", "filters by channel, tag, event type and time", () -> {
            List<Object> wanted = list(ALL, 0);
            equal(list(count(it -> it.setChannel("north")), count(it -> it.setChannel("south"))), wanted, "channel");
            equal(list(count(it -> it.setTag("vip")), count(it -> it.setTag("nobody"))), wanted, "tag");
            int paid = count(it -> it.setEventTypes(set(walk.paid)));
            equal(list(paid, count(it -> it.setEventTypes(set(walk.sent)))), wanted, "event type");
            OffsetDateTime start = walk.toBoth.getTimestamp();
            equal(list(count(it -> it.setAfter(start)), count(it -> it.setBefore(start))), wanted, "time");
        });

        step("v1.message-attempt.list-by-msg", "shows the response only if it is wanted", () -> {
            String full = ofMessage(it -> { it.setStatus(MessageStatus.SUCCESS); it.setWithContent(true); })
                    .getData().get(0).getResponse();
            holds(full.contains("received"), "the response " + full);
            String bare = ofMessage(it -> { it.setStatus(MessageStatus.SUCCESS); it.setWithContent(false); })
                    .getData().get(0).getResponse();
            equal(bare, "{}", "response");
        });
    }

    private void single() throws Exception {
        step("v1.message-attempt.get", "gets one as it was listed; 404 if it is unknown", () -> {
            equal(api.get(app, walk.toBoth.getId(), walk.attempt.getId()), walk.attempt, "attempt");
            String unknown = "atmpt_000000000000000000000000000";
            fails(404, "not_found", () -> api.get(app, walk.toBoth.getId(), unknown));
        });

        step("v1.message-attempt.expunge-content", "forgets the response", () -> {
            api.expungeContent(app, walk.toBoth.getId(), walk.failedAttempt.getId());
            MessageAttemptOut found = api.get(app, walk.toBoth.getId(), walk.failedAttempt.getId());
            equal(found.getResponse(), "EXPUNGED", "response");
        });
    }

    private void byEndpoint() throws Exception {
        step("v1.message-attempt.list-by-endpoint", "filters by status, status code class, channel, tag and event type", () -> {
            List<String> all = Harness.sorted(List.of(walk.toBoth.getId(), walk.toGood.getId(), walk.raw.getId()));
            List<String> one = List.of(walk.toBoth.getId());
            eventually(() -> {
                equal(messagesAt(walk.good, it -> {}), all, "all");
                return null;
            });
            equal(messagesAt(walk.good, it -> it.setStatus(MessageStatus.SUCCESS)), all, "successes");
            equal(messagesAt(walk.good, it -> it.setStatus(MessageStatus.FAIL)), List.of(), "failures");
            equal(messagesAt(walk.good, it -> it.setStatusCodeClass(StatusCodeClass.CODE2XX)), all, "2xx");
            equal(messagesAt(walk.good, it -> it.setStatusCodeClass(StatusCodeClass.CODE4XX)), List.of(), "4xx");
            equal(messagesAt(walk.good, it -> it.setChannel("north")), one, "channel");
            equal(messagesAt(walk.good, it -> it.setTag("vip")), one, "tag");
            equal(messagesAt(walk.good, it -> it.setEventTypes(set(walk.paid))), one, "event type");
            equal(messagesAt(walk.bad, it -> it.setStatus(MessageStatus.FAIL)), one, "failures of the other");
        });

        step("v1.message-attempt.list-by-endpoint", "filters by time, and iterates", () -> {
            List<String> all = ids(at(walk.good, it -> {}));
            OffsetDateTime start = walk.toBoth.getTimestamp();
            equal(ids(at(walk.good, it -> it.setBefore(start))), List.of(), "before");
            equal(ids(at(walk.good, it -> it.setAfter(start))), all, "after");
            ListResponseMessageAttemptOut first = at(walk.good, it -> it.setLimit(2L));
            equal(ids(first), all.subList(0, 2), "the first page");
            ListResponseMessageAttemptOut second =
                    at(walk.good, it -> { it.setLimit(2L); it.setIterator(first.getIterator()); });
            equal(ids(second), all.subList(2, 3), "the second page");
            List<String> back = ids(at(walk.good, it -> { it.setLimit(2L); it.setIterator(second.getPrevIterator()); }));
            equal(back, all.subList(0, 2), "back on the first page");
        });

        step("v1.message-attempt.list-by-endpoint", "shows the response and the message only if they are wanted", () -> {
            MessageAttemptOut full = at(walk.good, it -> {
                it.setTag("vip");
                it.setWithContent(true);
                it.setWithMsg(true);
            }).getData().get(0);
            holds(full.getResponse().contains("received"), "the response " + full.getResponse());
            MessageOut message = full.getMsg();
            equal(message == null ? null : message.getId(), walk.toBoth.getId(), "message");
            MessageAttemptOut bare =
                    at(walk.good, it -> { it.setTag("vip"); it.setWithContent(false); }).getData().get(0);
            equal(list(bare.getResponse(), bare.getMsg()), list("{}", null), "response and message");
        });
    }

    private List<String> attemptedIds(Consumer<MessageAttemptListAttemptedMessagesOptions> options) throws Exception {
        return each(attempted(walk.good, options), EndpointMessageOut::getId);
    }

    private void messages() throws Exception {
        step("v1.message-attempt.list-attempted-messages", "filters by status, channel, tag, event type and time", () -> {
            List<String> all = List.of(walk.raw.getId(), walk.toGood.getId(), walk.toBoth.getId());
            List<String> one = List.of(walk.toBoth.getId());
            eventually(() -> {
                equal(attemptedIds(it -> {}), all, "all");
                return null;
            });
            equal(attemptedIds(it -> it.setStatus(MessageStatus.SUCCESS)), all, "successes");
            equal(attemptedIds(it -> it.setStatus(MessageStatus.FAIL)), List.of(), "failures");
            List<EndpointMessageOut> failed = attempted(walk.bad, it -> it.setStatus(MessageStatus.FAIL));
            equal(each(failed, EndpointMessageOut::getId), one, "failures of the other");
            equal(attemptedIds(it -> it.setChannel("north")), one, "channel");
            equal(attemptedIds(it -> it.setTag("vip")), one, "tag");
            equal(attemptedIds(it -> it.setEventTypes(set(walk.sent))), all.subList(0, 2), "event type");
            equal(attemptedIds(it -> it.setBefore(walk.toGood.getTimestamp())), one, "before");
            List<String> after = attemptedIds(it -> it.setAfter(walk.toBoth.getTimestamp()));
            holds(!after.contains(walk.toBoth.getId()), "after shows what came before");
            List<String> next = attemptedIds(it -> { it.setLimit(1L); it.setIterator(all.get(0)); });
            equal(next, all.subList(1, 2), "the next page");
            List<String> back = attemptedIds(it -> { it.setLimit(1L); it.setIterator("-" + all.get(1)); });
            equal(back, all.subList(0, 1), "back on the first page");
        });

        step("v1.message-attempt.list-attempted-messages", "shows the status, and the content only if it is wanted", () -> {
            EndpointMessageOut full =
                    attempted(walk.good, it -> { it.setChannel("north"); it.setWithContent(true); }).get(0);
            equal(list(full.getStatus(), full.getStatusText()), list(0, "success"), "status");
            equal(list(full.getPayload(), full.getNextAttempt()), list(Map.of("text", "Zoë & <co>"), null), "the rest");
            EndpointMessageOut bare =
                    attempted(walk.bad, it -> { it.setChannel("north"); it.setWithContent(false); }).get(0);
            equal(list(bare.getStatus(), bare.getStatusText(), bare.getPayload()), list(2, "fail", Map.of()), "the failed");
        });
    }

    private List<String> destinationsOf(MessageOut message) throws Exception {
        List<MessageEndpointOut> data = api.listAttemptedDestinations(app, message.getId()).getData();
        return each(data, one -> one.getId() + " " + one.getStatusText().getValue());
    }

    private void destinations() throws Exception {
        step("v1.message-attempt.list-attempted-destinations", "lists the endpoints with their status", () -> {
            String good = walk.good.getId() + " success";
            equal(destinationsOf(walk.toBoth), List.of(good, walk.bad.getId() + " fail"), "of one for both");
            equal(destinationsOf(walk.toGood), List.of(good), "of one for the first");
            equal(destinationsOf(walk.toNobody), List.of(), "of one for nobody");
        });

        step("v1.message-attempt.list-attempted-destinations", "iterates forwards and backwards", () -> {
            MessageAttemptListAttemptedDestinationsOptions listing = new MessageAttemptListAttemptedDestinationsOptions();
            listing.setLimit(1L);
            ListResponseMessageEndpointOut first = api.listAttemptedDestinations(app, walk.toBoth.getId(), listing);
            equal(list(each(first.getData(), MessageEndpointOut::getId), first.getDone()),
                    list(List.of(walk.good.getId()), false), "the first page");
            listing.setIterator(first.getIterator());
            ListResponseMessageEndpointOut second = api.listAttemptedDestinations(app, walk.toBoth.getId(), listing);
            equal(list(each(second.getData(), MessageEndpointOut::getId), second.getDone()),
                    list(List.of(walk.bad.getId()), true), "the second page");
            listing.setIterator(second.getPrevIterator());
            ListResponseMessageEndpointOut back = api.listAttemptedDestinations(app, walk.toBoth.getId(), listing);
            equal(each(back.getData(), MessageEndpointOut::getId), List.of(walk.good.getId()), "back on the first page");
        });
    }
}
