// Endpoints: what they are, not what arrives at them.

import { equal, fails, holds, step, unique } from "./harness.mjs";
import { Ordering, V2, eventTypes, eventTypesOf, setHeaders, upsert } from "./sdk.mjs";

export async function walk(world) {
  const { endpoint } = world.svix;
  const app = world.uid;
  const uid = `walk-${unique()}`;
  const example = (path) => `https://example.com/${path}`;

  await step("v1.endpoint.create", "creates an endpoint with headers and filters", async () => {
    const created = await endpoint.create(app, {
      url: "http://EXAMPLE.com",
      uid,
      description: "Invoices",
      channels: ["north", "south"],
      headers: { "X-Walk": "yes", Authorization: "Basic secret" },
      metadata: { tier: "one" },
      throttleRate: 50,
      ...eventTypes([world.paid, world.sent]),
    });
    holds(created.id.startsWith("ep_"), `the id ${created.id}`);
    equal([created.url, created.uid, created.description], ["http://example.com/", uid, "Invoices"], "fields");
    equal([...created.channels].sort(), ["north", "south"], "channels");
    equal([...eventTypesOf(created)].sort(), [world.paid, world.sent].sort(), "event types");
    equal([created.metadata, created.throttleRate, created.disabled], [{ tier: "one" }, 50, false], "the rest");
    if (!V2) {
      equal([created.rateLimit, created.version], [50, 1], "rate limit and version");
    }
    world.endpoint = created;
  });

  await step("v1.endpoint.get", "gets it by id and by uid, as create answered it", async () => {
    for (const name of [world.endpoint.id, uid]) {
      const found = await endpoint.get(app, name);
      equal([found.id, found.url, found.metadata], [world.endpoint.id, world.endpoint.url, { tier: "one" }], name);
      equal(found.createdAt, world.endpoint.createdAt, "time of creation");
    }
  });

  await step("v1.endpoint.create", "an endpoint without filters has none", async () => {
    world.endpoints = [world.endpoint.id];
    for (const number of [2, 3]) {
      const plain = await endpoint.create(app, { url: example(number), disabled: true });
      holds(eventTypesOf(plain) == null && plain.channels == null && plain.uid == null, "filters or a uid");
      equal([plain.disabled, plain.metadata, plain.description], [true, {}, ""], "the rest");
      world.endpoints.push(plain.id);
    }
  });

  await step("v1.endpoint.create", "409 when the uid is taken", async () => {
    await fails(409, "conflict", () => endpoint.create(app, { url: example("again"), uid }));
  });

  await step("v1.endpoint.create", "422 for an unknown event type, and for what is no URL", async () => {
    const unknown = { url: example("unknown"), ...eventTypes(["no.such.type"]) };
    const { detail } = await fails(422, null, () => endpoint.create(app, unknown));
    holds(detail[0].msg.includes("no.such.type"), `the message does not name it: ${detail[0].msg}`);
    const bad = await fails(422, null, () => endpoint.create(app, { url: "no url" }));
    equal(bad.detail[0].loc.slice(0, 2), ["body", "url"], "place");
  });

  await step("v1.endpoint.get", "404 for an unknown endpoint, and for an unknown application", async () => {
    await fails(404, "not_found", () => endpoint.get(app, `${uid}-unknown`));
    await fails(404, "not_found", () => endpoint.get(`${app}-unknown`, uid));
  });

  await step("v1.endpoint.list", "iterates forwards and backwards, the newest first", async () => {
    const [first, second, third] = world.endpoints;
    const page = await endpoint.list(app, { limit: 2 });
    equal(page.data.map(({ id }) => id), [third, second], "the first page");
    equal([page.done, page.iterator], [false, second], "done and iterator");
    const last = await endpoint.list(app, { limit: 2, iterator: page.iterator });
    equal([last.data.map(({ id }) => id), last.done], [[first], true], "the last page");
    const back = await endpoint.list(app, { limit: 1, iterator: last.prevIterator });
    equal(back.data.map(({ id }) => id), [second], "the page before the last");
  });

  await step("v1.endpoint.list", "lists in ascending order", async () => {
    const page = await endpoint.list(app, { order: Ordering.Ascending });
    equal(page.data.map(({ id }) => id), world.endpoints, "endpoints");
  });

  await step("v1.endpoint.update", "replaces all fields but the secret and the headers", async () => {
    const before = (await endpoint.getSecret(app, uid)).key;
    const updated = await upsert(endpoint, app, uid, { url: example("put"), uid, channels: ["east"] });
    equal([updated.id, updated.url], [world.endpoint.id, example("put")], "id and url");
    equal([updated.description, updated.channels], ["", ["east"]], "description and channels");
    holds(eventTypesOf(updated) == null && updated.throttleRate == null, "event types or the throttle rate stay");
    equal((await endpoint.getSecret(app, uid)).key, before, "secret");
  });

  await step("v1.endpoint.update", "creates what does not exist", async () => {
    const put = { url: example("new"), uid: `${uid}-put`, disabled: true };
    const created = await upsert(endpoint, app, `${uid}-put`, put);
    equal((await endpoint.get(app, `${uid}-put`)).id, created.id, "id");
  });

  await step("v1.endpoint.patch", "changes what is named and keeps the rest", async () => {
    const patched = await endpoint.patch(app, uid, { description: "Patched", ...eventTypes([world.void]) });
    equal([patched.description, eventTypesOf(patched)], ["Patched", [world.void]], "what changes");
    equal([patched.url, patched.channels], [example("put"), ["east"]], "what stays");
  });

  await step("v1.endpoint.patch", "null clears a field", async () => {
    const patched = await endpoint.patch(app, uid, { channels: null, ...eventTypes(null) });
    holds(patched.channels == null && eventTypesOf(patched) == null, "the filters stay");
    equal(patched.description, "Patched", "description");
  });

  await step("v1.endpoint.delete", "deletes it", async () => {
    await endpoint.delete(app, `${uid}-put`);
    await fails(404, "not_found", () => endpoint.get(app, `${uid}-put`));
  });

  await step("v1.endpoint.get-headers", "shows the headers; those that hold secrets are only named", async () => {
    const { headers, sensitive } = await endpoint.getHeaders(app, uid);
    equal(headers, { "X-Walk": "yes" }, "headers");
    equal(sensitive.map((name) => name.toLowerCase()), ["authorization"], "sensitive");
  });

  await step("v1.endpoint.update-headers", "replaces all headers", async () => {
    await setHeaders(endpoint, app, uid, { headers: { "X-One": "1", "X-Two": "2" } });
    const { headers, sensitive } = await endpoint.getHeaders(app, uid);
    equal([headers, sensitive], [{ "X-One": "1", "X-Two": "2" }, []], "headers");
  });

  await step("v1.endpoint.update-headers", "422 for a header that is ours to set", async () => {
    await fails(422, null, () => setHeaders(endpoint, app, uid, { headers: { "svix-id": "mine" } }));
  });

  await step("v1.endpoint.patch-headers", "sets and deletes single headers", async () => {
    const patch = { headers: { "X-Two": "two", "X-Three": "3" }, deleteHeaders: ["X-One"] };
    await endpoint.patchHeaders(app, uid, patch);
    const { headers } = await endpoint.getHeaders(app, uid);
    equal(headers, { "X-Two": "two", "X-Three": "3" }, "headers");
  });

  await step("v1.endpoint.get-secret", "is a secret that was made for this endpoint alone", async () => {
    const secrets = new Set();
    for (const id of world.endpoints) {
      secrets.add((await endpoint.getSecret(app, id)).key);
    }
    equal(secrets.size, 3, "different secrets");
    holds([...secrets].every((secret) => secret.startsWith("whsec_")), "a secret without whsec_");
  });

  await step("v1.endpoint.get-secret", "is the one that was brought along", async () => {
    const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const own = await endpoint.create(app, { url: example("own"), secret, disabled: true });
    equal((await endpoint.getSecret(app, own.id)).key, secret, "secret");
    await endpoint.delete(app, own.id);
  });

  await step("v1.endpoint.transformation-get", "501: there are no transformations yet", async () => {
    await fails(501, "not_implemented", () =>
      V2 ? endpoint.transformation.get(app, uid) : endpoint.transformationGet(app, uid),
    );
  });

  await step("v1.endpoint.patch-transformation", "501: there are no transformations yet", async () => {
    const patch = { enabled: true };
    await fails(501, "not_implemented", () =>
      V2 ? endpoint.transformation.patch(app, uid, patch) : endpoint.patchTransformation(app, uid, patch),
    );
  });
}
