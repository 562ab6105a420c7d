"""Messages: creating, reading and expunging them. Nobody receives these."""

from svix.models import ApplicationIn, MessageIn, MessagePrecheckIn

import sdk
from harness import apart, equal, eventually, fails, holds, minutes, now, step, unique
from sdk import options

WITH_CONTENT = {"with_content": True}


def walk(world):
    svix = world.svix
    app = f"walk-{unique()}"
    event_id = f"invoice-{unique()}"
    payload = {"invoice": 42, "customer": "Zoë", "lines": [1.5, None, {"deep": True}]}

    def create(event_type, more=WITH_CONTENT, **fields):
        message = MessageIn(event_type=event_type, **{"payload": payload, **fields})
        return apart(svix.message.create(app, message, options.MessageCreateOptions(**more)))

    @step("v1.message.create", "creates the application along with the message")
    def _():
        def inline(path, uid):
            message = MessageIn(event_type=world.void, payload={}, application=ApplicationIn(name="Inline", uid=uid))
            return svix.message.create(path, message)

        message = inline(f"{app}-inline", f"{app}-inline")
        equal(svix.application.get(f"{app}-inline").name, "Inline", "name of the application")
        equal(svix.message.get(f"{app}-inline", message.id).id, message.id, "message")
        holds(fails(422, None, lambda: inline(f"{app}-other", app)).detail, "no detail for another uid")

    @step("v1.message.create", "creates a message with nothing but an event type and a payload")
    def _():
        svix.application.create(ApplicationIn(name="Messages", uid=app))
        world.plain = create(world.void)
        equal((world.plain.channels, world.plain.tags, world.plain.event_id), (None, None, None), "the optional")

    @step("v1.message.create", "creates a message with channels, tags, an own id and a retention")
    def _():
        message = create(
            world.paid,
            channels=["north"],
            tags=["quarter/1", "vip"],
            event_id=event_id,
            payload_retention_period=30,
        )
        holds(message.id.startswith("msg_"), f"the id {message.id}")
        equal((message.event_type, message.event_id), (world.paid, event_id), "event type and id")
        equal((message.channels, sorted(message.tags)), (["north"], ["quarter/1", "vip"]), "channels and tags")
        equal(message.payload, payload, "payload")
        holds(abs(now() - message.timestamp) < minutes(5), f"the time {message.timestamp}")
        world.message = message

    @step("v1.message.create", "leaves the content out of the answer if it is not wanted")
    def _():
        world.bare = create(world.sent, more={"with_content": False}, channels=["south"], payload_retention_hours=48)
        equal(world.bare.payload, {}, "payload")

    @step("v1.message.create", "a repeat with the same idempotency key is the same message")
    def _():
        key = {"idempotency_key": unique(), **WITH_CONTENT}
        first = create(world.void, more=key)
        again = create(world.void, more=key)
        equal((again.id, again.timestamp), (first.id, first.timestamp), "id and time")
        other = create(world.void, more={"idempotency_key": unique(), **WITH_CONTENT})
        holds(other.id != first.id, "another key is the same message, too")

    @step("v1.message.create", "409 when the own id is taken")
    def _():
        fails(409, "conflict", lambda: create(world.paid, event_id=event_id))

    @step("v1.message.create", "422 for an event type that is no name, and 404 for an unknown application")
    def _():
        error = fails(422, None, lambda: create("not a name"))
        equal(error.detail[0].loc[:2], ["body", "eventType"], "place")
        unknown = MessageIn(event_type=world.paid, payload={})
        fails(404, "not_found", lambda: svix.message.create(f"{app}-unknown", unknown))

    @step("v1.message.get", "gets it by id and by the own id, as create answered it")
    def _():
        for name in (world.message.id, event_id):
            equal(svix.message.get(app, name, options.MessageGetOptions(with_content=True)), world.message, name)

    @step("v1.message.get", "leaves the content out if it is not wanted")
    def _():
        bare = svix.message.get(app, world.message.id, options.MessageGetOptions(with_content=False))
        equal(bare.payload, {}, "payload")

    @step("v1.message.get", "404 for an unknown message")
    def _():
        fails(404, "not_found", lambda: svix.message.get(app, f"{event_id}-unknown"))

    def listed(**more):
        return svix.message.list(app, options.MessageListOptions(**more))

    def ids(**more):
        return [message.id for message in listed(**more).data]

    @step("v1.message.list", "iterates forwards and backwards, the newest first")
    def _():
        def walked():
            everything = ids()
            equal(len(everything), 5, "number of messages")
            return everything

        everything = eventually(walked)
        holds(everything[-2:] == [world.message.id, world.plain.id], f"the order {everything}")
        page = listed(limit=2)
        equal(([one.id for one in page.data], page.done), (everything[:2], False), "the first page")
        second = listed(limit=2, iterator=page.iterator)
        equal([one.id for one in second.data], everything[2:4], "the second page")
        last = listed(limit=2, iterator=second.iterator)
        equal(([one.id for one in last.data], last.done), (everything[4:], True), "the last page")
        back = listed(limit=2, iterator=second.prev_iterator)
        equal([one.id for one in back.data], everything[:2], "back on the first page")

    @step("v1.message.list", "filters by event type, channel and tag")
    def _():
        equal(ids(event_types=[world.paid, world.sent]), [world.bare.id, world.message.id], "event types")
        equal(ids(channel="north"), [world.message.id], "channel")
        equal(ids(tag="vip"), [world.message.id], "tag")
        equal(ids(tag="nobody"), [], "a tag without messages")

    @step("v1.message.list", "filters by time")
    def _():
        equal(ids(before=world.message.timestamp), [world.plain.id], "before")
        holds(world.plain.id not in ids(after=world.message.timestamp), "after shows what came before")
        equal(ids(after=now() + minutes(5)), [], "after the last")

    @step("v1.message.list", "shows the content only if it is wanted")
    def _():
        equal(listed(channel="north", with_content=True).data[0].payload, payload, "with content")
        equal(listed(channel="north", with_content=False).data[0].payload, {}, "without content")

    @step("v1.message.precheck", "says whether anybody would receive a message")
    def _():
        def active(event_type, channels=None):
            fields = {} if channels is None else {"channels": channels}
            return svix.message.precheck(world.uid, MessagePrecheckIn(event_type=event_type, **fields)).active

        holds(active(world.paid), "an endpoint for all event types is not seen")
        equal(svix.message.precheck(app, MessagePrecheckIn(event_type=world.paid)).active, False, "nobody")

    @step("v1.message.expunge-content", "forgets the content and keeps the message")
    def _():
        svix.message.expunge_content(app, world.message.id)
        found = svix.message.get(app, world.message.id, options.MessageGetOptions(with_content=True))
        equal(found.payload, {"expired": True}, "payload")
        equal(found.tags and sorted(found.tags), ["quarter/1", "vip"], "tags")

    if sdk.V2:

        @step("v1.message.bulk-expunge-content", "forgets the contents of some")
        def _():
            from svix.models import BulkExpungeContentsIn

            some = BulkExpungeContentsIn(ids=[world.bare.id, "msg_000000000000000000000000000"])
            results = svix.message.bulk_expunge_content(app, some).results
            equal(results[world.bare.id].value, "expunged", "what is there")
            equal(results["msg_000000000000000000000000000"].value, "not-found", "what is not there")
            found = svix.message.get(app, world.bare.id, options.MessageGetOptions(with_content=True))
            equal(found.payload, {"expired": True}, "payload")

    @step("v1.message.expunge-all-contents", "forgets the contents of all, as a task")
    def _():
        task = svix.message.expunge_all_contents(app)
        equal(task.task.value, "application.purge_content", "task")
        world.tasks = {"application.purge_content": task.id}

        def expunged():
            found = svix.message.get(app, world.plain.id, options.MessageGetOptions(with_content=True))
            equal(found.payload, {"expired": True}, "payload")

        eventually(expunged)
