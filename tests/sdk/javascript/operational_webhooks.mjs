// Endpoints that receive what happens to applications and endpoints.

import { equal, eventually, fails, holds, step, unique } from "./harness.mjs";
import { Webhook, eventTypes, eventTypesOf, setHeaders, upsert } from "./sdk.mjs";

export async function walk(world) {
  const { svix, receiver } = world;
  const hooks = svix.operationalWebhook.endpoint;
  const uid = `walk-${unique()}`;
  const path = receiver.path("operational");
  const url = receiver.url(path);
  const types = ["endpoint.created", "endpoint.deleted"];

  await step("v1.operational-webhook.endpoint.create", "creates an endpoint for some event types", async () => {
    const metadata = { team: "core" };
    const created = await hooks.create({ url, uid, description: "Operations", metadata, ...eventTypes(types) });
    holds(created.id.startsWith("ep_"), `the id ${created.id}`);
    equal([created.uid, created.description, created.metadata], [uid, "Operations", metadata], "fields");
    equal([...eventTypesOf(created)].sort(), types, "event types");
    world.hook = created;
  });

  await step("v1.operational-webhook.endpoint.create", "409 when the uid is taken", async () => {
    await fails(409, "conflict", () => hooks.create({ url, uid }));
  });

  await step("v1.operational-webhook.endpoint.get", "gets it as create answered it", async () => {
    equal(await hooks.get(uid), world.hook, "endpoint");
    await fails(404, "not_found", () => hooks.get(`${uid}-unknown`));
  });

  await step("v1.operational-webhook.endpoint.list", "lists it", async () => {
    const { data } = await hooks.list();
    holds(data.some(({ id }) => id === world.hook.id), "it is not listed");
  });

  await step("v1.operational-webhook.endpoint.update-headers", "replaces all headers", async () => {
    await setHeaders(hooks, uid, { headers: { "X-Walk": "operational" } });
  });

  await step("v1.operational-webhook.endpoint.get-headers", "shows the headers", async () => {
    const { headers, sensitive } = await hooks.getHeaders(uid);
    equal([headers, sensitive], [{ "X-Walk": "operational" }, []], "headers");
  });

  await step("v1.operational-webhook.endpoint.get-secret", "verifies what the endpoint is told", async () => {
    const app = await svix.application.create({ name: "Operations", uid: `${uid}-app` });
    const told = { url: "https://example.com/told", disabled: true };
    const { id } = await svix.endpoint.create(app.id, told);
    const { key } = await hooks.getSecret(uid);
    const request = await eventually(async () => {
      const found = (await receiver.received(path)).find(({ body }) => body.includes(id));
      holds(found !== undefined, "nothing about the endpoint");
      return found;
    });
    new Webhook(key).verify(request.body, request.headers);
    const { type, data } = JSON.parse(request.body);
    equal(type, "endpoint.created", "type");
    equal(data, { appId: app.id, appUid: app.uid, endpointId: id, endpointUid: null }, "data");
    equal(request.headers["x-walk"], "operational", "own header");
  });

  await step("v1.operational-webhook.endpoint.rotate-secret", "replaces the secret", async () => {
    const old = (await hooks.getSecret(uid)).key;
    await hooks.rotateSecret(uid, {});
    holds((await hooks.getSecret(uid)).key !== old, "the secret stays");
  });

  await step("v1.operational-webhook.endpoint.update", "replaces all fields", async () => {
    const updated = await upsert(hooks, uid, { url: "https://example.com/put", uid, disabled: true });
    const fields = [updated.id, updated.url, updated.disabled, updated.description];
    equal(fields, [world.hook.id, "https://example.com/put", true, ""], "fields");
    holds(eventTypesOf(updated) == null, "the event types stay");
  });

  await step("v1.operational-webhook.endpoint.delete", "deletes it", async () => {
    await hooks.delete(uid);
    await fails(404, "not_found", () => hooks.get(uid));
  });
}
