"""Endpoints that receive what happens to applications and endpoints."""

import json

from svix.models import (
    ApplicationIn,
    EndpointIn,
    OperationalWebhookEndpointHeadersIn,
    OperationalWebhookEndpointIn,
    OperationalWebhookEndpointSecretIn,
)
from svix.webhooks import Webhook

import sdk
from harness import equal, eventually, fails, holds, step, unique


def walk(world):
    hooks = world.svix.operational_webhook.endpoint
    receiver = world.receiver
    uid = f"walk-{unique()}"
    path = receiver.path("operational")

    @step("v1.operational-webhook.endpoint.create", "creates an endpoint for some event types")
    def _():
        created = hooks.create(
            OperationalWebhookEndpointIn(
                url=receiver.url(path),
                uid=uid,
                description="Operations",
                metadata={"team": "core"},
                **sdk.event_types(["endpoint.created", "endpoint.deleted"]),
            )
        )
        holds(created.id.startswith("ep_"), f"the id {created.id}")
        equal((created.uid, created.description, created.metadata), (uid, "Operations", {"team": "core"}), "fields")
        equal(sorted(sdk.event_types_of(created)), ["endpoint.created", "endpoint.deleted"], "event types")
        world.hook = created

    @step("v1.operational-webhook.endpoint.create", "409 when the uid is taken")
    def _():
        again = OperationalWebhookEndpointIn(url=receiver.url(path), uid=uid)
        fails(409, "conflict", lambda: hooks.create(again))

    @step("v1.operational-webhook.endpoint.get", "gets it as create answered it")
    def _():
        equal(hooks.get(uid), world.hook, "endpoint")
        fails(404, "not_found", lambda: hooks.get(f"{uid}-unknown"))

    @step("v1.operational-webhook.endpoint.list", "lists it")
    def _():
        holds(world.hook.id in [one.id for one in hooks.list().data], "it is not listed")

    @step("v1.operational-webhook.endpoint.update-headers", "replaces all headers")
    def _():
        sdk.set_headers(hooks, uid, OperationalWebhookEndpointHeadersIn(headers={"X-Walk": "operational"}))

    @step("v1.operational-webhook.endpoint.get-headers", "shows the headers")
    def _():
        headers = hooks.get_headers(uid)
        equal((headers.headers, headers.sensitive), ({"X-Walk": "operational"}, []), "headers")

    @step("v1.operational-webhook.endpoint.get-secret", "verifies what the endpoint is told")
    def _():
        app = world.svix.application.create(ApplicationIn(name="Operations", uid=f"{uid}-app"))
        endpoint = world.svix.endpoint.create(app.id, EndpointIn(url="https://example.com/told", disabled=True))
        secret = hooks.get_secret(uid).key

        def told():
            for request in receiver.received(path):
                body = json.loads(request.body)
                if body["data"]["endpointId"] == endpoint.id:
                    return request, body
            raise AssertionError("nothing about the endpoint")

        request, body = eventually(told)
        Webhook(secret).verify(request.body, request.headers)
        equal(body["type"], "endpoint.created", "type")
        data = {"appId": app.id, "appUid": app.uid, "endpointId": endpoint.id, "endpointUid": None}
        equal(body["data"], data, "data")
        equal(request.headers.get("x-walk"), "operational", "own header")

    @step("v1.operational-webhook.endpoint.rotate-secret", "replaces the secret")
    def _():
        old = hooks.get_secret(uid).key
        equal(hooks.rotate_secret(uid, OperationalWebhookEndpointSecretIn()), None, "answer")
        holds(hooks.get_secret(uid).key != old, "the secret stays")

    @step("v1.operational-webhook.endpoint.update", "replaces all fields")
    def _():
        put = sdk.OperationalWebhookEndpointUpsertIn(url="https://example.com/put", uid=uid, disabled=True)
        updated = sdk.upsert(hooks, uid, put)
        equal((updated.id, updated.url, updated.disabled), (world.hook.id, "https://example.com/put", True), "fields")
        equal((updated.description, sdk.event_types_of(updated)), ("", None), "what was left out")

    @step("v1.operational-webhook.endpoint.delete", "deletes it")
    def _():
        hooks.delete(uid)
        fails(404, "not_found", lambda: hooks.get(uid))
