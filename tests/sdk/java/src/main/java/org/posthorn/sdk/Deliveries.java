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

import com.svix.Webhook;
import com.svix.api.Endpoint;
import com.svix.api.EndpointGetStatsOptions;
import com.svix.api.Message;
import com.svix.api.MessageAttemptListAttemptedMessagesOptions;
import com.svix.exceptions.WebhookVerificationException;
import com.svix.models.ApplicationIn;
import com.svix.models.BulkReplayIn;
import com.svix.models.EndpointIn;
import com.svix.models.EndpointOut;
import com.svix.models.EndpointPatch;
import com.svix.models.EndpointSecretRotateIn;
import com.svix.models.EndpointStats;
import com.svix.models.EventExampleIn;
import com.svix.models.MessageIn;
import com.svix.models.MessageOut;
import com.svix.models.MessageStatus;
import com.svix.models.RecoverIn;
import com.svix.models.RecoverOut;
import com.svix.models.ReplayIn;
import com.svix.models.ReplayOut;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What arrives, its signatures, and sending again.
 *
 * <p>The server has to give up soon: these steps expect three attempts within a few seconds.
 */
final class Deliveries {
    static final int ATTEMPTS = 3;
    static final String NO_ENDPOINT = "ep_000000000000000000000000000";

    final String app = "walk-" + unique();
    private final Walk walk;
    private final Endpoint endpoint;
    private final Receiver receiver;
    private final String goodPath;
    private final String badPath;

    Deliveries(Walk walk) {
        this.walk = walk;
        endpoint = walk.svix.getEndpoint();
        receiver = walk.receiver;
        goodPath = receiver.path("good");
        badPath = receiver.path("bad", ATTEMPTS);
    }

    static boolean verifies(String secret, Receiver.Received request) throws Exception {
        try {
            new Webhook(secret).verify(request.body(), request.headers());
            return true;
        } catch (WebhookVerificationException refused) {
            return false;
        }
    }

    private MessageOut send(MessageIn message) throws Exception {
        if (message.getPayload() == null) {
            message.payload("{\"number\":1}");
        }
        return apart(walk.svix.getMessage().create(app, message));
    }

    private static MessageIn message(String eventType) {
        return new MessageIn().eventType(eventType);
    }

    private String secretOf(EndpointOut one) throws Exception {
        return endpoint.getSecret(app, one.getId()).getKey();
    }

    void run() throws Exception {
        step("v1.endpoint.create", "receives a message that was sent at once after it", () -> {
            walk.svix.getApplication().create(new ApplicationIn().name("Deliveries").uid(app));
            walk.good = endpoint.create(app, new EndpointIn()
                    .url(receiver.url(goodPath)).headers(Map.of("X-Walk", "good")).filterTypes(set(walk.paid, walk.sent)));
            walk.bad = endpoint.create(app, new EndpointIn().url(receiver.url(badPath)).channels(set("north")));
            walk.toBoth = send(message(walk.paid)
                    .channels(set("north")).tags(set("vip")).payload("{\"text\":\"Zoë & <co>\"}"));
            walk.toGood = send(message(walk.sent));
            walk.toNobody = send(message(walk.voided));
            receiver.await(goodPath, walk.toBoth.getId());
        });

        step("v1.message.create", "is delivered with the endpoint's headers, signed so that the SDK verifies it", () -> {
            Receiver.Received request = receiver.await(goodPath, walk.toBoth.getId());
            equal(list(request.header("x-walk"), request.header("content-type")), list("good", "application/json"), "headers");
            String secret = secretOf(walk.good);
            new Webhook(secret).verify(request.body(), request.headers());
            equal(request.body(), "{\"text\":\"Zoë & <co>\"}", "body");
            equal(verifies(secretOf(walk.bad), request), false, "verifies with another endpoint's secret");
            Receiver.Received changed = new Receiver.Received(request.headers(), request.body() + " ");
            equal(verifies(secret, changed), false, "verifies although it was changed");
        });

        step("v1.message.create", "a raw payload is delivered byte for byte", () -> {
            String raw = "{\"b\": 1,\t\"a\":  [1.0, \"\\u00eb\"]}";
            walk.raw = send(Message.messageInRaw(raw).eventType(walk.sent));
            equal(receiver.await(goodPath, walk.raw.getId()).body(), raw, "body");
        });
    }

    /** After the attempts were looked at, as it makes more of them. */
    void again() throws Exception {
        stats();
        resend();
        rotate();
        examples();
        repair();
    }

    private void stats() throws Exception {
        step("v1.endpoint.get-stats", "counts attempts", () -> {
            eventually(() -> {
                EndpointStats good = endpoint.getStats(app, walk.good.getId());
                equal(list(good.getSuccess(), good.getFail(), good.getPending(), good.getSending()), list(3, 0, 0, 0), "first");
                EndpointStats bad = endpoint.getStats(app, walk.bad.getId());
                equal(list(bad.getSuccess(), bad.getFail()), list(0, ATTEMPTS), "second");
                return null;
            });
            EndpointGetStatsOptions early = new EndpointGetStatsOptions();
            early.setSince(OffsetDateTime.now().minusHours(1));
            early.setUntil(walk.toBoth.getTimestamp());
            equal(endpoint.getStats(app, walk.good.getId(), early).getSuccess(), 0, "before the first message");
            EndpointGetStatsOptions tooLong = new EndpointGetStatsOptions();
            tooLong.setSince(OffsetDateTime.now().minusDays(40));
            tooLong.setUntil(OffsetDateTime.now());
            fails(400, "invalid_range", () -> endpoint.getStats(app, walk.good.getId(), tooLong));
        });
    }

    private void resend() throws Exception {
        step("v1.message-attempt.resend", "the SDK cannot send it", () -> brokenInTheSdk(() ->
                walk.svix.getMessageAttempt().resend(app, walk.toBoth.getId(), walk.bad.getId())));
    }

    private void rotate() throws Exception {
        step("v1.endpoint.rotate-secret", "for a while the old and the new secret verify", () -> {
            String old = secretOf(walk.good);
            endpoint.rotateSecret(app, walk.good.getId(), new EndpointSecretRotateIn().gracePeriodSeconds(3600));
            walk.rotated = secretOf(walk.good);
            holds(!walk.rotated.equals(old), "the secret stays");
            Receiver.Received request = receiver.await(goodPath, send(message(walk.paid)).getId());
            equal(request.header("svix-signature").split(" ").length, 2, "number of signatures");
            equal(list(verifies(old, request), verifies(walk.rotated, request)), list(true, true), "old and new verify");
        });

        step("v1.endpoint.rotate-secret", "without grace to a secret that was brought along", () -> {
            String own = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
            EndpointSecretRotateIn rotate = new EndpointSecretRotateIn().key(own).gracePeriodSeconds(0);
            endpoint.rotateSecret(app, walk.good.getId(), rotate);
            equal(secretOf(walk.good), own, "secret");
            Receiver.Received request = receiver.await(goodPath, send(message(walk.paid)).getId());
            equal(list(verifies(own, request), verifies(walk.rotated, request)), list(true, false), "new and old verify");
        });
    }

    private void examples() throws Exception {
        step("v1.endpoint.send-example", "sends an event type's example", () -> {
            EventExampleIn example = new EventExampleIn().eventType(walk.paid);
            MessageOut message = endpoint.sendExample(app, walk.good.getId(), example);
            equal(message.getEventType(), walk.paid, "event type");
            equal(parsed(receiver.await(goodPath, message.getId()).body()), Map.of("amount", 1200), "body");
        });

        step("v1.endpoint.send-example", "400 for an event type without an example", () -> {
            EventExampleIn example = new EventExampleIn().eventType(walk.sent);
            fails(400, "invalid_scheme", () -> endpoint.sendExample(app, walk.good.getId(), example));
        });
    }

    private List<List<Object>> statuses(
            EndpointOut at, Consumer<MessageAttemptListAttemptedMessagesOptions> options) throws Exception {
        MessageAttemptListAttemptedMessagesOptions listing =
                with(new MessageAttemptListAttemptedMessagesOptions(), options);
        return each(walk.svix.getMessageAttempt().listAttemptedMessages(app, at.getId(), listing).getData(),
                one -> list(one.getStatus(), one.getStatusText()));
    }

    private void repair() throws Exception {
        Usage usage = new Usage(walk);

        step("v1.endpoint.recover", "sends again what had failed since then", () -> {
            String path = receiver.path("recovered", ATTEMPTS);
            EndpointOut failing =
                    endpoint.create(app, new EndpointIn().url(receiver.url(path)).channels(set("recover")));
            MessageOut message = send(message(walk.voided).channels(set("recover")));
            receiver.await(path, message.getId(), ATTEMPTS);
            eventually(() -> {
                int made = walk.svix.getMessageAttempt().listByEndpoint(app, failing.getId()).getData().size();
                equal(made, ATTEMPTS, "number of attempts");
                return null;
            });
            RecoverIn since = new RecoverIn().since(message.getTimestamp().minusMinutes(1));
            RecoverOut task = endpoint.recover(app, failing.getId(), since);
            receiver.await(path, message.getId(), ATTEMPTS + 1);
            usage.finished(task.getId(), "endpoint.recover");
        });

        step("v1.endpoint.recover", "422 for more than two weeks", () -> {
            OffsetDateTime now = OffsetDateTime.now();
            RecoverIn early = new RecoverIn().since(now.minusDays(20)).until(now);
            fails(422, null, () -> endpoint.recover(app, walk.good.getId(), early));
        });

        step("v1.endpoint.replay-missing", "sends what was never sent to this endpoint", () -> {
            String path = receiver.path("late");
            EndpointOut late =
                    endpoint.create(app, new EndpointIn().url(receiver.url(path)).filterTypes(set(walk.sent)));
            ReplayIn since = new ReplayIn().since(walk.toBoth.getTimestamp().minusMinutes(1));
            ReplayOut task = endpoint.replayMissing(app, late.getId(), since);
            receiver.await(path, walk.toGood.getId());
            receiver.await(path, walk.raw.getId());
            usage.finished(task.getId(), "endpoint.replay");
            List<String> ids = each(receiver.received(path), one -> one.header("svix-id"));
            equal(sorted(ids), sorted(List.of(walk.toGood.getId(), walk.raw.getId())), "messages");
        });

        step("v1.endpoint.bulk-replay", "sends again what its filters select", () -> {
            ReplayOut task = endpoint.bulkReplay(app, walk.good.getId(), new BulkReplayIn()
                    .since(walk.toBoth.getTimestamp().minusMinutes(1))
                    .eventTypes(set(walk.paid)).tag("vip").channel("north"));
            receiver.await(goodPath, walk.toBoth.getId(), 2);
            usage.finished(task.getId(), "endpoint.bulk-replay");
            equal(receiver.await(goodPath, walk.toGood.getId(), 1).size(), 1, "requests for what was left out");
        });

        step("v1.message-attempt.list-attempted-messages", "a cancelled delivery has failed, and is canceled for those who ask for all statuses", () -> {
            String path = receiver.path("cancelled", ATTEMPTS);
            EndpointOut failing =
                    endpoint.create(app, new EndpointIn().url(receiver.url(path)).channels(set("cancelled")));
            MessageOut message = send(message(walk.voided).channels(set("cancelled")));
            receiver.await(path, message.getId());
            endpoint.patch(app, failing.getId(), new EndpointPatch().disabled(true));
            List<Object> canceled = list(list(4, "canceled"));
            eventually(() -> {
                equal(statuses(failing, it -> it.setExpandedStatuses(true)), canceled, "all statuses");
                return null;
            });
            equal(statuses(failing, it -> { it.setExpandedStatuses(true); it.setStatus(MessageStatus.CANCELED); }),
                    canceled, "the canceled");
            equal(statuses(failing, it -> { it.setExpandedStatuses(true); it.setStatus(MessageStatus.FAIL); }),
                    list(), "the failed, of all statuses");
            equal(statuses(failing, it -> it.setExpandedStatuses(false)), list(list(2, "fail")), "the usual statuses");
        });

        step("v1.message.create", "the SDK drops the time that a message is to be delivered at", () -> {
            OffsetDateTime later = OffsetDateTime.now().plusHours(1);
            MessageOut created = send(message(walk.sent).deliverAt(later));
            equal(created.getDeliverAt(), null, "no longer dropped, so write a real step and change table.py");
            receiver.await(goodPath, created.getId());
        });
    }
}
