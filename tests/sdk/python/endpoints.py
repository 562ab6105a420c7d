"""Endpoints: what they are, not what arrives at them."""

from svix.models import (
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointPatch,
    EndpointTransformationPatch,
    Ordering,
)

import sdk
from harness import equal, fails, holds, step, unique
from sdk import options


def walk(world):
    svix = world.svix
    app = world.uid
    uid = f"walk-{unique()}"

    @step("v1.endpoint.create", "creates an endpoint with headers and filters")
    def _():
        created = svix.endpoint.create(
            app,
            EndpointIn(
                url="http://EXAMPLE.com",
                uid=uid,
                description="Invoices",
                channels=["north", "south"],
                headers={"X-Walk": "yes", "Authorization": "Basic secret"},
                metadata={"tier": "one"},
                throttle_rate=50,
                **sdk.event_types([world.paid, world.sent]),
            ),
        )
        holds(created.id.startswith("ep_"), f"the id {created.id}")
        equal(created.url, "http://example.com/", "url")
        equal(created.uid, uid, "uid")
        equal(created.description, "Invoices", "description")
        equal(sorted(created.channels), ["north", "south"], "channels")
        equal(sorted(sdk.event_types_of(created)), sorted([world.paid, world.sent]), "event types")
        equal(created.metadata, {"tier": "one"}, "metadata")
        equal(created.throttle_rate, 50, "throttle rate")
        equal(created.disabled, False, "disabled")
        if not sdk.V2:
            equal((created.rate_limit, created.version), (50, 1), "rate limit and version")
        world.endpoint = created

    @step("v1.endpoint.get", "gets it by id and by uid, as create answered it")
    def _():
        for name in (world.endpoint.id, uid):
            found = svix.endpoint.get(app, name)
            equal((found.id, found.url, found.metadata), (world.endpoint.id, world.endpoint.url, {"tier": "one"}), name)
            equal(found.created_at, world.endpoint.created_at, "time of creation")

    @step("v1.endpoint.create", "an endpoint without filters has none")
    def _():
        world.endpoints = [world.endpoint.id]
        for number in (2, 3):
            plain = svix.endpoint.create(app, EndpointIn(url=f"https://example.com/{number}", disabled=True))
            equal((sdk.event_types_of(plain), plain.channels, plain.uid), (None, None, None), "filters and uid")
            equal((plain.disabled, plain.metadata, plain.description), (True, {}, ""), "the rest")
            world.endpoints.append(plain.id)

    @step("v1.endpoint.create", "409 when the uid is taken")
    def _():
        again = EndpointIn(url="https://example.com/again", uid=uid)
        fails(409, "conflict", lambda: svix.endpoint.create(app, again))

    @step("v1.endpoint.create", "422 for an unknown event type, and for what is no URL")
    def _():
        unknown = EndpointIn(url="https://example.com", **sdk.event_types(["no.such.type"]))
        error = fails(422, None, lambda: svix.endpoint.create(app, unknown))
        holds("no.such.type" in error.detail[0].msg, f"the message does not name it: {error.detail[0].msg}")
        error = fails(422, None, lambda: svix.endpoint.create(app, EndpointIn(url="no url")))
        equal(error.detail[0].loc[:2], ["body", "url"], "place")

    @step("v1.endpoint.get", "404 for an unknown endpoint, and for an unknown application")
    def _():
        fails(404, "not_found", lambda: svix.endpoint.get(app, f"{uid}-unknown"))
        fails(404, "not_found", lambda: svix.endpoint.get(f"{app}-unknown", uid))

    @step("v1.endpoint.list", "iterates forwards and backwards, the newest first")
    def _():
        first, second, third = world.endpoints
        page = svix.endpoint.list(app, options.EndpointListOptions(limit=2))
        equal([one.id for one in page.data], [third, second], "the first page")
        equal((page.done, page.iterator), (False, second), "done and iterator")
        last = svix.endpoint.list(app, options.EndpointListOptions(limit=2, iterator=page.iterator))
        equal([one.id for one in last.data], [first], "the last page")
        equal(last.done, True, "done")
        back = svix.endpoint.list(app, options.EndpointListOptions(limit=1, iterator=last.prev_iterator))
        equal([one.id for one in back.data], [second], "the page before the last")

    @step("v1.endpoint.list", "lists in ascending order")
    def _():
        page = svix.endpoint.list(app, options.EndpointListOptions(order=Ordering.ASCENDING))
        equal([one.id for one in page.data], world.endpoints, "endpoints")

    @step("v1.endpoint.update", "replaces all fields but the secret and the headers")
    def _():
        before = svix.endpoint.get_secret(app, uid).key
        updated = sdk.upsert(
            svix.endpoint, app, uid, sdk.EndpointUpsertIn(url="https://example.com/put", uid=uid, channels=["east"])
        )
        equal((updated.id, updated.url), (world.endpoint.id, "https://example.com/put"), "id and url")
        equal((updated.description, updated.channels), ("", ["east"]), "description and channels")
        equal((sdk.event_types_of(updated), updated.throttle_rate), (None, None), "event types and throttle rate")
        equal(svix.endpoint.get_secret(app, uid).key, before, "secret")

    @step("v1.endpoint.update", "creates what does not exist")
    def _():
        put = sdk.EndpointUpsertIn(url="https://example.com/new", uid=f"{uid}-put", disabled=True)
        created = sdk.upsert(svix.endpoint, app, f"{uid}-put", put)
        equal(svix.endpoint.get(app, f"{uid}-put").id, created.id, "id")

    @step("v1.endpoint.patch", "changes what is named and keeps the rest")
    def _():
        patch = EndpointPatch(description="Patched", **sdk.event_types([world.void]))
        patched = svix.endpoint.patch(app, uid, patch)
        equal((patched.description, sdk.event_types_of(patched)), ("Patched", [world.void]), "what changes")
        equal((patched.url, patched.channels), ("https://example.com/put", ["east"]), "what stays")

    @step("v1.endpoint.patch", "null clears a field")
    def _():
        patched = svix.endpoint.patch(app, uid, EndpointPatch(channels=None, **sdk.event_types(None)))
        equal((patched.channels, sdk.event_types_of(patched)), (None, None), "filters")
        equal(patched.description, "Patched", "description")

    @step("v1.endpoint.delete", "deletes it")
    def _():
        svix.endpoint.delete(app, f"{uid}-put")
        fails(404, "not_found", lambda: svix.endpoint.get(app, f"{uid}-put"))

    @step("v1.endpoint.get-headers", "shows the headers; those that hold secrets are only named")
    def _():
        headers = svix.endpoint.get_headers(app, uid)
        equal(headers.headers, {"X-Walk": "yes"}, "headers")
        equal([name.lower() for name in headers.sensitive], ["authorization"], "sensitive")

    @step("v1.endpoint.update-headers", "replaces all headers")
    def _():
        sdk.set_headers(svix.endpoint, app, uid, EndpointHeadersIn(headers={"X-One": "1", "X-Two": "2"}))
        headers = svix.endpoint.get_headers(app, uid)
        equal((headers.headers, headers.sensitive), ({"X-One": "1", "X-Two": "2"}, []), "headers")

    @step("v1.endpoint.update-headers", "422 for a header that is ours to set")
    def _():
        ours = EndpointHeadersIn(headers={"svix-id": "mine"})
        fails(422, None, lambda: sdk.set_headers(svix.endpoint, app, uid, ours))

    @step("v1.endpoint.patch-headers", "sets and deletes single headers")
    def _():
        patch = EndpointHeadersPatchIn(headers={"X-Two": "two", "X-Three": "3"}, delete_headers=["X-One"])
        svix.endpoint.patch_headers(app, uid, patch)
        equal(svix.endpoint.get_headers(app, uid).headers, {"X-Two": "two", "X-Three": "3"}, "headers")

    @step("v1.endpoint.get-secret", "is a secret that was made for this endpoint alone")
    def _():
        secrets = {svix.endpoint.get_secret(app, endpoint).key for endpoint in world.endpoints}
        equal(len(secrets), 3, "different secrets")
        holds(all(secret.startswith("whsec_") for secret in secrets), "a secret without whsec_")

    @step("v1.endpoint.get-secret", "is the one that was brought along")
    def _():
        secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
        own = svix.endpoint.create(app, EndpointIn(url="https://example.com/own", secret=secret, disabled=True))
        equal(svix.endpoint.get_secret(app, own.id).key, secret, "secret")
        svix.endpoint.delete(app, own.id)

    @step("v1.endpoint.transformation-get", "501: there are no transformations yet")
    def _():
        get = svix.endpoint.transformation.get if sdk.V2 else svix.endpoint.transformation_get
        fails(501, "not_implemented", lambda: get(app, uid))

    @step("v1.endpoint.patch-transformation", "501: there are no transformations yet")
    def _():
        patch = svix.endpoint.transformation.patch if sdk.V2 else svix.endpoint.patch_transformation
        fails(501, "not_implemented", lambda: patch(app, uid, EndpointTransformationPatch(enabled=True)))
