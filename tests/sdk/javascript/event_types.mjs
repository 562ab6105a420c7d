// Event types. Their names belong to the whole organisation, so this walk's have a prefix.

import { equal, fails, holds, step, unique } from "./harness.mjs";
import { V2, featureFlags, upsert } from "./sdk.mjs";

const SCHEMAS = { 1: { type: "object", title: "An invoice", examples: [{ amount: 1200 }] } };

export async function walk(world) {
  const { eventType } = world.svix;
  const prefix = `w${unique()}`;
  const names = ["paid", "sent", "void"].map((word) => `${prefix}.invoice.${word}`);
  [world.paid, world.sent, world.void] = names;

  await step("v1.event-type.create", "creates an event type with a schema and a group", async () => {
    const created = await eventType.create({
      name: world.paid,
      description: "An invoice was paid",
      schemas: SCHEMAS,
      groupName: `${prefix}.invoice`,
    });
    equal([created.name, created.description], [world.paid, "An invoice was paid"], "name and description");
    equal([created.schemas, created.groupName], [SCHEMAS, `${prefix}.invoice`], "schemas and group");
    equal([created.archived, created.deprecated], [false, false], "archived and deprecated");
    world.eventType = created;
    for (const name of names.slice(1)) {
      await eventType.create({ name, description: "Another" });
    }
  });

  await step("v1.event-type.get", "gets it as create answered it", async () => {
    equal(await eventType.get(world.paid), world.eventType, "event type");
  });

  await step("v1.event-type.create", "409 when the name is taken", async () => {
    await fails(409, "event_type_exists", () => eventType.create({ name: world.paid, description: "Again" }));
  });

  await step("v1.event-type.create", "422 for what is no JSON Schema", async () => {
    const bad = { name: `${prefix}.bad`, description: "", schemas: { 1: { type: "no such type" } } };
    await fails(422, null, () => eventType.create(bad));
  });

  await step("v1.event-type.get", "404 for an unknown event type", async () => {
    await fails(404, "not_found", () => eventType.get(`${prefix}.unknown`));
  });

  await step("v1.event-type.list", "iterates forwards and backwards", async () => {
    const page = await eventType.list({ iterator: names[0], limit: 2 });
    equal(page.data.map(({ name }) => name), names.slice(1), "the page after the first");
    equal(page.iterator, names[2], "iterator");
    const back = await eventType.list({ iterator: page.prevIterator, limit: 1 });
    equal(back.data.map(({ name }) => name), names.slice(0, 1), "the page before");
  });

  await step("v1.event-type.list", "leaves schemas out unless they are asked for", async () => {
    const first = async (withContent) =>
      (await eventType.list({ iterator: `-${names[1]}`, limit: 1, withContent })).data[0];
    equal((await first(true)).schemas, SCHEMAS, "schemas with content");
    holds((await first(false)).schemas == null, "schemas without content");
  });

  await step("v1.event-type.update", "replaces all fields", async () => {
    const updated = await upsert(eventType, names[2], { description: "Voided", deprecated: true });
    equal([updated.description, updated.deprecated], ["Voided", true], "fields");
    holds(updated.schemas == null, "schemas out of nowhere");
  });

  await step("v1.event-type.update", "creates what does not exist", async () => {
    await upsert(eventType, `${prefix}.put`, { description: "Put" });
    equal((await eventType.get(`${prefix}.put`)).description, "Put", "description");
  });

  await step("v1.event-type.patch", "changes what is named and keeps the rest", async () => {
    const patched = await eventType.patch(world.paid, { description: "Paid", ...featureFlags([`${prefix}-beta`]) });
    equal([patched.description, patched.schemas], ["Paid", SCHEMAS], "description and schemas");
    equal(patched.featureFlags, [`${prefix}-beta`], "feature flags");
    if (!V2) {
      equal(patched.featureFlag, `${prefix}-beta`, "feature flag");
    }
  });

  await step("v1.event-type.patch", "null clears a field", async () => {
    const patched = await eventType.patch(world.paid, featureFlags(null));
    holds(patched.featureFlags == null, "the feature flags stay");
  });

  await step("v1.event-type.delete", "archives it: not listed any more, but there", async () => {
    await eventType.delete(`${prefix}.put`);
    equal((await eventType.get(`${prefix}.put`)).archived, true, "archived");
    const listed = async (includeArchived) =>
      (await eventType.list({ iterator: names[2], limit: 1, includeArchived })).data.map(({ name }) => name);
    holds(!(await listed(false)).includes(`${prefix}.put`), "it is still listed");
    equal(await listed(true), [`${prefix}.put`], "the archived");
  });

  await step("v1.event-type.create", "takes an archived one out of the archive", async () => {
    const again = await eventType.create({ name: `${prefix}.put`, description: "Back" });
    equal([again.archived, again.description], [false, "Back"], "archived and description");
  });

  await step("v1.event-type.delete", "expunges it", async () => {
    await eventType.delete(`${prefix}.put`, { expunge: true });
    await fails(404, "not_found", () => eventType.get(`${prefix}.put`));
  });

  const name = `${prefix}.imported`;
  const schema = { type: "object", properties: { id: { type: "string" } } };
  const requestBody = { content: { "application/json": { schema } } };
  const post = { operationId: name, description: "Imported", requestBody, responses: {} };
  const spec = { openapi: "3.1.0", info: { title: "Walk", version: "1" }, webhooks: { [name]: { post } } };

  await step("v1.event-type.import-openapi", "a dry run says what it would do, and does nothing", async () => {
    const { data } = await eventType.importOpenapi({ spec, dryRun: true });
    equal(data.toModify?.map((one) => one.name), [name], "to modify");
    await fails(404, "not_found", () => eventType.get(name));
  });

  await step("v1.event-type.import-openapi", "imports the webhooks of an OpenAPI document", async () => {
    const { data } = await eventType.importOpenapi({ spec });
    equal(data.modified, [name], "modified");
    const imported = await eventType.get(name);
    equal(imported.description, "Imported", "description");
    equal(imported.schemas[1].properties, schema.properties, "schema");
  });
}
