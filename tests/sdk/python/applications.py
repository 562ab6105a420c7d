"""Applications, and the errors that every resource shares."""

from svix.api import Svix, SvixOptions
from svix.models import ApplicationIn, ApplicationPatch, Ordering

import sdk
from harness import equal, fails, holds, step, unique
from sdk import options


def walk(world):
    svix = world.svix
    uid = f"walk-{unique()}"
    world.uid = uid

    @step("v1.application.create", "creates an application")
    def _():
        created = svix.application.create(
            ApplicationIn(name="Walk", uid=uid, throttle_rate=200, metadata={"plan": "gold"})
        )
        holds(created.id.startswith("app_"), f"the id {created.id}")
        equal(created.name, "Walk", "name")
        equal(created.uid, uid, "uid")
        equal(created.throttle_rate, 200, "throttle rate")
        if not sdk.V2:
            equal(created.rate_limit, 200, "rate limit")
        equal(created.metadata, {"plan": "gold"}, "metadata")
        world.app = created

    @step("v1.application.get", "gets it by id and by uid, as create answered it")
    def _():
        equal(svix.application.get(world.app.id), world.app, "by id")
        equal(svix.application.get(uid), world.app, "by uid")

    @step("v1.application.create", "get-or-create returns what exists, unchanged")
    def _():
        found = svix.application.get_or_create(ApplicationIn(name="Another name", uid=uid))
        equal(found, world.app, "application")

    @step("v1.application.create", "get-or-create creates what does not exist")
    def _():
        world.second = svix.application.get_or_create(ApplicationIn(name="Second", uid=f"{uid}-2"))
        equal(world.second.name, "Second", "name")
        equal(world.second.metadata, {}, "metadata")

    @step("v1.application.create", "a repeat with the same idempotency key is the same application")
    def _():
        key = options.ApplicationCreateOptions(idempotency_key=unique())
        world.third = svix.application.create(ApplicationIn(name="Third"), key)
        again = svix.application.create(ApplicationIn(name="Third"), key)
        equal(again, world.third, "application")
        equal(world.third.uid, None, "uid")

    @step("v1.application.create", "409 when the uid is taken")
    def _():
        fails(409, "conflict", lambda: svix.application.create(ApplicationIn(name="Taken", uid=uid)))

    @step("v1.application.create", "422 for an empty name, with its place")
    def _():
        error = fails(422, None, lambda: svix.application.create(ApplicationIn(name="")))
        equal(error.detail[0].loc, ["body", "name"], "place")
        equal(error.detail[0].type, "value_error", "type")
        holds(error.detail[0].msg, "no message")

    @step("v1.application.get", "404 for an unknown application")
    def _():
        fails(404, "not_found", lambda: svix.application.get(f"{uid}-unknown"))

    @step("v1.application.list", "401 for a token of another key")
    def _():
        header, claims, _ = world.token.split(".")
        stranger = Svix(f"{header}.{claims}.{'A' * 43}", SvixOptions(server_url=world.server_url))
        fails(401, "authentication_failed", lambda: stranger.application.list())

    @step("v1.application.update", "replaces all fields")
    def _():
        updated = sdk.upsert(svix.application, uid, ApplicationIn(name="Renamed", uid=uid))
        equal(updated.id, world.app.id, "id")
        equal(updated.name, "Renamed", "name")
        equal(updated.throttle_rate, None, "throttle rate")
        equal(updated.metadata, {}, "metadata")
        equal(updated.created_at, world.app.created_at, "time of creation")
        holds(updated.updated_at > world.app.updated_at, "the time of the update stays")

    @step("v1.application.update", "creates what does not exist")
    def _():
        created = sdk.upsert(svix.application, f"{uid}-put", ApplicationIn(name="Put", uid=f"{uid}-put"))
        equal(svix.application.get(f"{uid}-put"), created, "application")

    @step("v1.application.patch", "changes what is named and keeps the rest")
    def _():
        patched = svix.application.patch(uid, ApplicationPatch(throttle_rate=100, metadata={"plan": "silver"}))
        equal(patched.name, "Renamed", "name")
        equal(patched.throttle_rate, 100, "throttle rate")
        equal(patched.metadata, {"plan": "silver"}, "metadata")

    @step("v1.application.patch", "null clears a field")
    def _():
        patched = svix.application.patch(uid, ApplicationPatch(throttle_rate=None))
        equal(patched.throttle_rate, None, "throttle rate")
        equal(patched.metadata, {"plan": "silver"}, "metadata")

    @step("v1.application.list", "iterates forwards and backwards")
    def _():
        ids = [world.app.id, world.second.id, world.third.id]
        page = svix.application.list(
            options.ApplicationListOptions(iterator=ids[0], limit=2, order=Ordering.ASCENDING)
        )
        equal([app.id for app in page.data], ids[1:], "the page after the first")
        equal(page.iterator, ids[2], "iterator")
        equal(page.prev_iterator, f"-{ids[1]}", "iterator backwards")
        before = svix.application.list(
            options.ApplicationListOptions(iterator=f"-{ids[2]}", limit=2, order=Ordering.ASCENDING)
        )
        equal([app.id for app in before.data], ids[:2], "the page before the last")

    @step("v1.application.list", "lists in descending order")
    def _():
        ids = [world.app.id, world.second.id, world.third.id]
        page = svix.application.list(
            options.ApplicationListOptions(iterator=ids[2], limit=2, order=Ordering.DESCENDING)
        )
        equal([app.id for app in page.data], [ids[1], ids[0]], "the page after the newest")

    @step("v1.application.list", "422 for a limit beyond 250")
    def _():
        error = fails(422, None, lambda: svix.application.list(options.ApplicationListOptions(limit=251)))
        equal(error.detail[0].loc[:2], ["query", "limit"], "place")

    @step("v1.application.delete", "deletes it, and frees its uid")
    def _():
        svix.application.delete(f"{uid}-put")
        fails(404, "not_found", lambda: svix.application.get(f"{uid}-put"))
        fails(404, "not_found", lambda: svix.application.delete(f"{uid}-put"))
        svix.application.create(ApplicationIn(name="Again", uid=f"{uid}-put"))
        svix.application.delete(f"{uid}-put")
