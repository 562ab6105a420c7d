"""What arrives, its signatures, the attempts that led there, and sending again.

The server has to give up soon: these steps expect three attempts within a few seconds.
"""

import datetime

from svix.models import (
    ApplicationIn,
    BulkReplayIn,
    EndpointIn,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventExampleIn,
    MessageIn,
    MessageStatus,
    RecoverIn,
    ReplayIn,
    StatusCodeClass,
)
from svix.webhooks import Webhook, WebhookVerificationError

import sdk
from event_types import EXAMPLE
from harness import apart, equal, eventually, fails, holds, minutes, now, step, unique
from sdk import options

ATTEMPTS = 3


def verifies(secret, request):
    try:
        Webhook(secret).verify(request.body, request.headers)
        return True
    except WebhookVerificationError:
        return False


def walk(world):
    svix = world.svix
    receiver = world.receiver
    app = f"walk-{unique()}"
    good_path = receiver.path("good")
    bad_path = receiver.path("bad", failures=ATTEMPTS)

    def send(event_type, **fields):
        message = MessageIn(event_type=event_type, **{"payload": {"number": 1}, **fields})
        return apart(svix.message.create(app, message))

    @step("v1.endpoint.create", "receives a message that was sent at once after it")
    def _():
        svix.application.create(ApplicationIn(name="Deliveries", uid=app))
        world.good = svix.endpoint.create(
            app,
            EndpointIn(
                url=receiver.url(good_path),
                headers={"X-Walk": "good"},
                **sdk.event_types([world.paid, world.sent]),
            ),
        )
        world.bad = svix.endpoint.create(app, EndpointIn(url=receiver.url(bad_path), channels=["north"]))
        world.to_both = send(world.paid, channels=["north"], tags=["vip"], payload={"text": "Zoë & <co>"})
        world.to_good = send(world.sent)
        world.to_nobody = send(world.void)
        receiver.wait(good_path, world.to_both.id)

    @step("v1.message.create", "is delivered with the endpoint's headers, signed so that the SDK verifies it")
    def _():
        secret = svix.endpoint.get_secret(app, world.good.id).key
        request = receiver.wait(good_path, world.to_both.id)[0]
        equal(request.headers.get("x-walk"), "good", "own header")
        equal(request.headers.get("content-type"), "application/json", "content type")
        Webhook(secret).verify(request.body, request.headers)
        holds("Zoë & <co>" in request.body.decode(), f"the body {request.body!r}")
        other = svix.endpoint.get_secret(app, world.bad.id).key
        equal(verifies(other, request), False, "verifies with another endpoint's secret")
        request.body += b" "
        equal(verifies(secret, request), False, "verifies although it was changed")

    @step("v1.message.create", "a raw payload is delivered byte for byte")
    def _():
        raw = '{"b": 1,\t"a":  [1.0, "\\u00eb"]}'
        message = send(world.sent, payload={}, transformations_params={"rawPayload": raw})
        request = receiver.wait(good_path, message.id)[0]
        equal(request.body.decode(), raw, "body")
        world.raw = message

    def attempts_of(message, **more):
        found = svix.message_attempt.list_by_msg(app, message.id, options.MessageAttemptListByMsgOptions(**more))
        return found.data

    @step("v1.message-attempt.list-by-msg", "lists all attempts, the newest first")
    def _():
        def exhausted():
            found = attempts_of(world.to_both, with_content=True)
            equal(len(found), 1 + ATTEMPTS, "number of attempts")
            return found

        found = eventually(exhausted)
        for newer, older in zip(found, found[1:]):
            # Ids, which decide about the order, have a resolution of 4 ms.
            holds(newer.timestamp > older.timestamp - datetime.timedelta(milliseconds=20), "the order")
        one = next(attempt for attempt in found if attempt.endpoint_id == world.good.id)
        equal((one.status.value, one.status_text.value, one.response_status_code), (0, "success", 200), "status")
        equal((one.msg_id, one.url), (world.to_both.id, receiver.url(good_path)), "message and url")
        equal(one.trigger_type.value, 0, "trigger")
        holds("received" in one.response, f"the response {one.response}")
        holds(one.response_duration_ms >= 0, "a negative duration")
        others = [attempt for attempt in found if attempt.endpoint_id == world.bad.id]
        equal({(one.status.value, one.response_status_code) for one in others}, {(2, 500)}, "the failed")
        world.attempt = one
        world.failed_attempt = others[0]

    @step("v1.message-attempt.list-by-msg", "filters by status, status code class and endpoint")
    def _():
        def count(**more):
            return len(attempts_of(world.to_both, **more))

        equal(count(status=MessageStatus.SUCCESS), 1, "successes")
        equal(count(status=MessageStatus.FAIL), ATTEMPTS, "failures")
        equal(count(status_code_class=StatusCodeClass.CODE2XX), 1, "2xx")
        equal(count(status_code_class=StatusCodeClass.CODE5XX), ATTEMPTS, "5xx")
        equal(count(status_code_class=StatusCodeClass.CODE_NONE), 0, "without an answer")
        equal(count(endpoint_id=world.good.id), 1, "of one endpoint")
        fails(404, "not_found", lambda: count(endpoint_id="ep_000000000000000000000000000"))

    @step("v1.message-attempt.list-by-msg", "filters by channel, tag, event type and time")
    def _():
        def count(**more):
            return len(attempts_of(world.to_both, **more))

        equal((count(channel="north"), count(channel="south")), (1 + ATTEMPTS, 0), "channel")
        equal((count(tag="vip"), count(tag="nobody")), (1 + ATTEMPTS, 0), "tag")
        equal((count(event_types=[world.paid]), count(event_types=[world.sent])), (1 + ATTEMPTS, 0), "event type")
        start = world.to_both.timestamp
        equal((count(after=start), count(before=start)), (1 + ATTEMPTS, 0), "time")

    @step("v1.message-attempt.list-by-msg", "shows the response only if it is wanted")
    def _():
        success = {"status": MessageStatus.SUCCESS}
        holds("received" in attempts_of(world.to_both, with_content=True, **success)[0].response, "no response")
        equal(attempts_of(world.to_both, with_content=False, **success)[0].response, "{}", "response")

    @step("v1.message-attempt.list-by-msg", "iterates forwards and backwards")
    def _():
        def page(**more):
            return svix.message_attempt.list_by_msg(
                app, world.to_both.id, options.MessageAttemptListByMsgOptions(limit=2, **more)
            )

        everything = [attempt.id for attempt in attempts_of(world.to_both)]
        first = page()
        equal(([one.id for one in first.data], first.done), (everything[:2], False), "the first page")
        second = page(iterator=first.iterator)
        equal(([one.id for one in second.data], second.done), (everything[2:], True), "the second page")
        back = page(iterator=second.prev_iterator)
        equal([one.id for one in back.data], everything[:2], "back on the first page")

    def attempts_at(endpoint, **more):
        found = svix.message_attempt.list_by_endpoint(
            app, endpoint.id, options.MessageAttemptListByEndpointOptions(**more)
        )
        return found.data

    @step("v1.message-attempt.list-by-endpoint", "filters by status, status code class, channel, tag and event type")
    def _():
        def messages(endpoint=world.good, **more):
            return sorted({attempt.msg_id for attempt in attempts_at(endpoint, **more)})

        both = sorted([world.to_both.id, world.to_good.id, world.raw.id])
        eventually(lambda: equal(messages(), both, "all"))
        equal(messages(status=MessageStatus.SUCCESS), both, "successes")
        equal(messages(status=MessageStatus.FAIL), [], "failures")
        equal(messages(status_code_class=StatusCodeClass.CODE2XX), both, "2xx")
        equal(messages(status_code_class=StatusCodeClass.CODE4XX), [], "4xx")
        equal(messages(channel="north"), [world.to_both.id], "channel")
        equal(messages(tag="vip"), [world.to_both.id], "tag")
        equal(messages(event_types=[world.paid]), [world.to_both.id], "event type")
        equal(messages(world.bad, status=MessageStatus.FAIL), [world.to_both.id], "failures of the other")

    @step("v1.message-attempt.list-by-endpoint", "filters by time, and iterates")
    def _():
        everything = [attempt.id for attempt in attempts_at(world.good)]
        equal(attempts_at(world.good, before=world.to_both.timestamp), [], "before")
        equal([one.id for one in attempts_at(world.good, after=world.to_both.timestamp)], everything, "after")
        listing = options.MessageAttemptListByEndpointOptions
        page = svix.message_attempt.list_by_endpoint(app, world.good.id, listing(limit=2))
        equal([one.id for one in page.data], everything[:2], "the first page")
        rest = svix.message_attempt.list_by_endpoint(app, world.good.id, listing(limit=2, iterator=page.iterator))
        equal([one.id for one in rest.data], everything[2:], "the second page")
        back = svix.message_attempt.list_by_endpoint(
            app, world.good.id, listing(limit=2, iterator=rest.prev_iterator)
        )
        equal([one.id for one in back.data], everything[:2], "back on the first page")

    @step("v1.message-attempt.list-by-endpoint", "shows the response and the message only if they are wanted")
    def _():
        full = attempts_at(world.good, tag="vip", with_content=True, with_msg=True)[0]
        holds("received" in full.response, f"the response {full.response}")
        equal(full.msg and full.msg.id, world.to_both.id, "message")
        bare = attempts_at(world.good, tag="vip", with_content=False)[0]
        equal((bare.response, bare.msg), ("{}", None), "response and message")

    @step("v1.message-attempt.get", "gets one as it was listed; 404 if it is unknown")
    def _():
        equal(svix.message_attempt.get(app, world.to_both.id, world.attempt.id), world.attempt, "attempt")
        unknown = "atmpt_000000000000000000000000000"
        fails(404, "not_found", lambda: svix.message_attempt.get(app, world.to_both.id, unknown))

    @step("v1.message-attempt.list-attempted-messages", "filters by status, channel, tag, event type and time")
    def _():
        def messages(endpoint=world.good, **more):
            listing = options.MessageAttemptListAttemptedMessagesOptions(**more)
            return [one.id for one in svix.message_attempt.list_attempted_messages(app, endpoint.id, listing).data]

        everything = [world.raw.id, world.to_good.id, world.to_both.id]
        eventually(lambda: equal(messages(), everything, "all"))
        equal(messages(status=MessageStatus.SUCCESS), everything, "successes")
        equal(messages(status=MessageStatus.FAIL), [], "failures")
        equal(messages(world.bad, status=MessageStatus.FAIL), [world.to_both.id], "failures of the other")
        equal(messages(channel="north"), [world.to_both.id], "channel")
        equal(messages(tag="vip"), [world.to_both.id], "tag")
        equal(messages(event_types=[world.sent]), everything[:2], "event type")
        equal(messages(before=world.to_good.timestamp), [world.to_both.id], "before")
        holds(world.to_both.id not in messages(after=world.to_both.timestamp), "after shows what came before")
        equal(messages(limit=1, iterator=everything[0]), [everything[1]], "the next page")
        equal(messages(limit=1, iterator=f"-{everything[1]}"), [everything[0]], "back on the first page")

    @step("v1.message-attempt.list-attempted-messages", "shows the status, and the content only if it is wanted")
    def _():
        def shown(endpoint, with_content):
            listing = options.MessageAttemptListAttemptedMessagesOptions(channel="north", with_content=with_content)
            return svix.message_attempt.list_attempted_messages(app, endpoint.id, listing).data[0]

        full = shown(world.good, True)
        equal((full.status.value, full.status_text.value), (0, "success"), "status")
        equal((full.payload, full.next_attempt), ({"text": "Zoë & <co>"}, None), "payload and next attempt")
        bare = shown(world.bad, False)
        equal((bare.status.value, bare.status_text.value, bare.payload), (2, "fail", {}), "the failed")

    @step("v1.message-attempt.list-attempted-destinations", "lists the endpoints with their status")
    def _():
        def destinations(message):
            page = svix.message_attempt.list_attempted_destinations(app, message.id)
            return {one.id: one.status_text.value for one in page.data}

        equal(destinations(world.to_both), {world.good.id: "success", world.bad.id: "fail"}, "of one for both")
        equal(destinations(world.to_good), {world.good.id: "success"}, "of one for the first")
        equal(destinations(world.to_nobody), {}, "of one for nobody")

    @step("v1.message-attempt.list-attempted-destinations", "iterates forwards and backwards")
    def _():
        def page(**more):
            listing = options.MessageAttemptListAttemptedDestinationsOptions(limit=1, **more)
            return svix.message_attempt.list_attempted_destinations(app, world.to_both.id, listing)

        first = page()
        equal(([one.id for one in first.data], first.done), ([world.good.id], False), "the first page")
        second = page(iterator=first.iterator)
        equal(([one.id for one in second.data], second.done), ([world.bad.id], True), "the second page")
        back = page(iterator=second.prev_iterator)
        equal([one.id for one in back.data], [world.good.id], "back on the first page")

    @step("v1.message-attempt.expunge-content", "forgets the response")
    def _():
        svix.message_attempt.expunge_content(app, world.to_both.id, world.failed_attempt.id)
        found = svix.message_attempt.get(app, world.to_both.id, world.failed_attempt.id)
        equal(found.response, "EXPUNGED", "response")

    @step("v1.endpoint.get-stats", "counts attempts")
    def _():
        def counted():
            good = svix.endpoint.get_stats(app, world.good.id)
            equal((good.success, good.fail, good.pending, good.sending), (3, 0, 0, 0), "of the first")
            bad = svix.endpoint.get_stats(app, world.bad.id)
            equal((bad.success, bad.fail), (0, ATTEMPTS), "of the second")

        eventually(counted)
        range_ = options.EndpointGetStatsOptions(since=now() - minutes(60), until=world.to_both.timestamp)
        equal(svix.endpoint.get_stats(app, world.good.id, range_).success, 0, "before the first message")
        too_long = options.EndpointGetStatsOptions(since=now() - minutes(60 * 24 * 40), until=now())
        fails(400, "invalid_range", lambda: svix.endpoint.get_stats(app, world.good.id, too_long))

    if sdk.V2:

        @step("v1.endpoint.get-attempt-stats", "counts attempts")
        def _():
            stats = svix.endpoint.get_attempt_stats(app, world.bad.id)
            equal((stats.success, stats.fail, stats.canceled), (0, ATTEMPTS, 0), "attempts")

    @step("v1.message-attempt.resend", "sends again, to this endpoint alone")
    def _():
        svix.message_attempt.resend(app, world.to_both.id, world.bad.id)
        receiver.wait(bad_path, world.to_both.id, ATTEMPTS + 1)

        def listed():
            newest = attempts_of(world.to_both, endpoint_id=world.bad.id)[0]
            equal((newest.status.value, newest.trigger_type.value), (0, 1), "status and trigger")

        eventually(listed)
        equal(len(receiver.received(good_path)), 3, "requests at the other endpoint")

    @step("v1.message-attempt.resend", "404 for an unknown endpoint")
    def _():
        unknown = "ep_000000000000000000000000000"
        fails(404, "not_found", lambda: svix.message_attempt.resend(app, world.to_both.id, unknown))

    @step("v1.endpoint.rotate-secret", "for a while the old and the new secret verify")
    def _():
        old = svix.endpoint.get_secret(app, world.good.id).key
        answer = svix.endpoint.rotate_secret(app, world.good.id, EndpointSecretRotateIn(grace_period_seconds=3600))
        new = svix.endpoint.get_secret(app, world.good.id).key
        holds(new != old, "the secret stays")
        equal(answer and answer.key, new if sdk.V2 else None, "answer")
        request = receiver.wait(good_path, send(world.paid).id)[0]
        equal(len(request.headers["svix-signature"].split(" ")), 2, "number of signatures")
        equal((verifies(old, request), verifies(new, request)), (True, True), "the old and the new secret verify")
        world.rotated = new

    @step("v1.endpoint.rotate-secret", "without grace to a secret that was brought along")
    def _():
        own = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
        svix.endpoint.rotate_secret(app, world.good.id, EndpointSecretRotateIn(key=own, grace_period_seconds=0))
        equal(svix.endpoint.get_secret(app, world.good.id).key, own, "secret")
        request = receiver.wait(good_path, send(world.paid).id)[0]
        equal((verifies(own, request), verifies(world.rotated, request)), (True, False), "the new and the old verify")

    @step("v1.endpoint.send-example", "sends an event type's example")
    def _():
        message = svix.endpoint.send_example(app, world.good.id, EventExampleIn(event_type=world.paid))
        equal(message.event_type, world.paid, "event type")
        equal(receiver.wait(good_path, message.id)[0].body.decode().replace(" ", ""), '{"amount":1200}', "body")
        equal(EXAMPLE, {"amount": 1200}, "example")

    @step("v1.endpoint.send-example", "400 for an event type without an example")
    def _():
        example = EventExampleIn(event_type=world.sent)
        fails(400, "invalid_scheme", lambda: svix.endpoint.send_example(app, world.good.id, example))

    def finished(task, name):
        """Waits for a task's end."""
        equal(task.task.value, name, "task")

        def probe():
            found = svix.background_task.get(task.id)
            equal((found.task.value, found.status.value), (name, "finished"), "task and status")

        eventually(probe)
        world.tasks[name] = task.id

    @step("v1.endpoint.recover", "sends again what had failed since then")
    def _():
        path = receiver.path("recovered", failures=ATTEMPTS)
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url(path), channels=["recover"]))
        message = send(world.void, channels=["recover"])
        receiver.wait(path, message.id, ATTEMPTS)
        eventually(lambda: equal(attempts_at(endpoint)[ATTEMPTS - 1].status.value, 2, "the last attempt"))
        task = svix.endpoint.recover(app, endpoint.id, RecoverIn(since=message.timestamp - minutes(1)))
        receiver.wait(path, message.id, ATTEMPTS + 1)
        finished(task, "endpoint.recover")

    @step("v1.endpoint.recover", "422 for more than two weeks")
    def _():
        early = RecoverIn(since=now() - minutes(60 * 24 * 20), until=now())
        fails(422, None, lambda: svix.endpoint.recover(app, world.good.id, early))

    @step("v1.endpoint.replay-missing", "sends what was never sent to this endpoint")
    def _():
        path = receiver.path("late")
        endpoint = svix.endpoint.create(
            app, EndpointIn(url=receiver.url(path), **sdk.event_types([world.sent]))
        )
        task = svix.endpoint.replay_missing(
            app, endpoint.id, ReplayIn(since=world.to_both.timestamp - minutes(1))
        )
        receiver.wait(path, world.to_good.id)
        receiver.wait(path, world.raw.id)
        finished(task, "endpoint.replay")
        ids = {request.headers["svix-id"] for request in receiver.received(path)}
        equal(ids, {world.to_good.id, world.raw.id}, "messages")

    @step("v1.endpoint.bulk-replay", "sends again what its filters select")
    def _():
        select = BulkReplayIn(
            since=world.to_both.timestamp - minutes(1), event_types=[world.paid], tag="vip", channel="north"
        )
        task = svix.endpoint.bulk_replay(app, world.good.id, select)
        receiver.wait(good_path, world.to_both.id, 2)
        finished(task, "endpoint.bulk-replay")
        again = [one for one in receiver.received(good_path) if one.headers["svix-id"] == world.to_good.id]
        equal(len(again), 1, "requests for what the filters leave out")

    @step(
        "v1.message-attempt.list-attempted-messages",
        "a cancelled delivery has failed, and is canceled for those who ask for all statuses",
    )
    def _():
        path = receiver.path("cancelled", failures=ATTEMPTS)
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url(path), channels=["cancelled"]))
        message = send(world.void, channels=["cancelled"])
        receiver.wait(path, message.id)
        svix.endpoint.patch(app, endpoint.id, EndpointPatch(disabled=True))

        def statuses(**more):
            listing = options.MessageAttemptListAttemptedMessagesOptions(**more)
            found = svix.message_attempt.list_attempted_messages(app, endpoint.id, listing).data
            return [(one.status.value, one.status_text.value) for one in found]

        eventually(lambda: equal(statuses(expanded_statuses=True), [(4, "canceled")], "all statuses"))
        equal(statuses(expanded_statuses=True, status=MessageStatus.CANCELED), [(4, "canceled")], "the canceled")
        equal(statuses(expanded_statuses=True, status=MessageStatus.FAIL), [], "the failed, of all statuses")
        equal(statuses(expanded_statuses=False), [(2, "fail")], "the usual statuses")

    @step("v1.message.create", "delivers later if it is asked to")
    def _():
        later = now().replace(microsecond=0) + datetime.timedelta(seconds=4)
        message = send(world.sent, deliver_at=later)
        equal(message.deliver_at, later, "deliver at")
        equal(svix.message.get(app, message.id).deliver_at, later, "deliver at, of the message that was read")
        request = receiver.wait(good_path, message.id)[0]
        sent = int(request.headers["svix-timestamp"])
        holds(sent >= later.timestamp(), f"it was sent at {sent}, before {later.timestamp():.0f}")
