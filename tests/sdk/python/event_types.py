"""Event types. Their names belong to the whole organisation, so this walk's have a prefix."""

from svix.models import EventTypeImportOpenApiIn, EventTypeIn, EventTypePatch

import sdk
from harness import equal, fails, holds, step, unique
from sdk import options

EXAMPLE = {"amount": 1200}
SCHEMAS = {"1": {"type": "object", "title": "An invoice", "examples": [EXAMPLE]}}


def walk(world):
    svix = world.svix
    prefix = f"w{unique()}"
    world.paid, world.sent, world.void = names = [f"{prefix}.invoice.{word}" for word in ("paid", "sent", "void")]

    @step("v1.event-type.create", "creates an event type with a schema and a group")
    def _():
        created = svix.event_type.create(
            EventTypeIn(
                name=world.paid,
                description="An invoice was paid",
                schemas=SCHEMAS,
                group_name=f"{prefix}.invoice",
            )
        )
        equal(created.name, world.paid, "name")
        equal(created.description, "An invoice was paid", "description")
        equal(created.schemas, SCHEMAS, "schemas")
        equal(created.group_name, f"{prefix}.invoice", "group")
        equal((created.archived, created.deprecated), (False, False), "archived and deprecated")
        world.event_type = created
        for name in names[1:]:
            svix.event_type.create(EventTypeIn(name=name, description="Another"))

    @step("v1.event-type.get", "gets it as create answered it")
    def _():
        equal(svix.event_type.get(world.paid), world.event_type, "event type")

    @step("v1.event-type.create", "409 when the name is taken")
    def _():
        again = EventTypeIn(name=world.paid, description="Again")
        fails(409, "event_type_exists", lambda: svix.event_type.create(again))

    @step("v1.event-type.create", "422 for what is no JSON Schema")
    def _():
        bad = EventTypeIn(name=f"{prefix}.bad", description="", schemas={"1": {"type": "no such type"}})
        fails(422, None, lambda: svix.event_type.create(bad))

    @step("v1.event-type.get", "404 for an unknown event type")
    def _():
        fails(404, "not_found", lambda: svix.event_type.get(f"{prefix}.unknown"))

    @step("v1.event-type.list", "iterates forwards and backwards")
    def _():
        page = svix.event_type.list(options.EventTypeListOptions(iterator=names[0], limit=2))
        equal([one.name for one in page.data], names[1:], "the page after the first")
        equal(page.iterator, names[2], "iterator")
        back = svix.event_type.list(options.EventTypeListOptions(iterator=page.prev_iterator, limit=1))
        equal([one.name for one in back.data], names[:1], "the page before")

    @step("v1.event-type.list", "leaves schemas out unless they are asked for")
    def _():
        def first(with_content):
            page = svix.event_type.list(
                options.EventTypeListOptions(iterator=f"-{names[1]}", limit=1, with_content=with_content)
            )
            return page.data[0]

        equal(first(True).schemas, SCHEMAS, "schemas with content")
        equal(first(False).schemas, None, "schemas without content")

    @step("v1.event-type.update", "replaces all fields")
    def _():
        updated = sdk.upsert(
            svix.event_type, names[2], sdk.EventTypeUpsertIn(description="Voided", deprecated=True)
        )
        equal((updated.description, updated.deprecated), ("Voided", True), "fields")
        equal(updated.schemas, None, "schemas")

    @step("v1.event-type.update", "creates what does not exist")
    def _():
        sdk.upsert(svix.event_type, f"{prefix}.put", sdk.EventTypeUpsertIn(description="Put"))
        equal(svix.event_type.get(f"{prefix}.put").description, "Put", "description")

    @step("v1.event-type.patch", "changes what is named and keeps the rest")
    def _():
        flag = sdk.feature_flags([f"{prefix}-beta"])
        patched = svix.event_type.patch(world.paid, EventTypePatch(description="Paid", **flag))
        equal(patched.description, "Paid", "description")
        equal(patched.schemas, SCHEMAS, "schemas")
        equal(patched.feature_flags, [f"{prefix}-beta"], "feature flags")
        if not sdk.V2:
            equal(patched.feature_flag, f"{prefix}-beta", "feature flag")

    @step("v1.event-type.patch", "null clears a field")
    def _():
        cleared = {"feature_flags" if sdk.V2 else "feature_flag": None}
        patched = svix.event_type.patch(world.paid, EventTypePatch(**cleared))
        equal(patched.feature_flags, None, "feature flags")

    @step("v1.event-type.delete", "archives it: not listed any more, but there")
    def _():
        svix.event_type.delete(f"{prefix}.put")
        holds(svix.event_type.get(f"{prefix}.put").archived, "it is not archived")

        def listed(**more):
            page = svix.event_type.list(options.EventTypeListOptions(iterator=names[2], limit=1, **more))
            return [one.name for one in page.data]

        holds(f"{prefix}.put" not in listed(), "it is still listed")
        equal(listed(include_archived=True), [f"{prefix}.put"], "the archived")

    @step("v1.event-type.create", "takes an archived one out of the archive")
    def _():
        again = svix.event_type.create(EventTypeIn(name=f"{prefix}.put", description="Back"))
        equal((again.archived, again.description), (False, "Back"), "archived and description")

    @step("v1.event-type.delete", "expunges it")
    def _():
        svix.event_type.delete(f"{prefix}.put", options.EventTypeDeleteOptions(expunge=True))
        fails(404, "not_found", lambda: svix.event_type.get(f"{prefix}.put"))

    name = f"{prefix}.imported"
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    body = {"content": {"application/json": {"schema": schema}}}
    operation = {"operationId": name, "description": "Imported", "requestBody": body, "responses": {}}
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "Walk", "version": "1"},
        "webhooks": {name: {"post": operation}},
    }

    @step("v1.event-type.import-openapi", "a dry run says what it would do, and does nothing")
    def _():
        answer = svix.event_type.import_openapi(EventTypeImportOpenApiIn(spec=spec, dry_run=True))
        equal([one.name for one in answer.data.to_modify or []], [name], "to modify")
        fails(404, "not_found", lambda: svix.event_type.get(name))

    @step("v1.event-type.import-openapi", "imports the webhooks of an OpenAPI document")
    def _():
        answer = svix.event_type.import_openapi(EventTypeImportOpenApiIn(spec=spec))
        equal(answer.data.modified, [name], "modified")
        imported = svix.event_type.get(name)
        equal(imported.description, "Imported", "description")
        equal(imported.schemas["1"]["properties"], schema["properties"], "schema")
