// Applications, and the errors that every resource shares.

import { equal, fails, holds, step, unique } from "./harness.mjs";
import { Ordering, Svix, V2, upsert } from "./sdk.mjs";

export async function walk(world) {
  const { svix } = world;
  const uid = `walk-${unique()}`;
  world.uid = uid;

  await step("v1.application.create", "creates an application", async () => {
    const created = await svix.application.create({
      name: "Walk",
      uid,
      throttleRate: 200,
      metadata: { plan: "gold" },
    });
    holds(created.id.startsWith("app_"), `the id ${created.id}`);
    equal([created.name, created.uid, created.throttleRate], ["Walk", uid, 200], "name, uid and throttle rate");
    if (!V2) {
      equal(created.rateLimit, 200, "rate limit");
    }
    equal(created.metadata, { plan: "gold" }, "metadata");
    world.app = created;
  });

  await step("v1.application.get", "gets it by id and by uid, as create answered it", async () => {
    equal(await svix.application.get(world.app.id), world.app, "by id");
    equal(await svix.application.get(uid), world.app, "by uid");
  });

  await step("v1.application.create", "get-or-create returns what exists, unchanged", async () => {
    equal(await svix.application.getOrCreate({ name: "Another name", uid }), world.app, "application");
  });

  await step("v1.application.create", "get-or-create creates what does not exist", async () => {
    world.second = await svix.application.getOrCreate({ name: "Second", uid: `${uid}-2` });
    equal([world.second.name, world.second.metadata], ["Second", {}], "name and metadata");
  });

  await step("v1.application.create", "a repeat with the same idempotency key is the same application", async () => {
    const idempotencyKey = unique();
    world.third = await svix.application.create({ name: "Third" }, { idempotencyKey });
    const again = await svix.application.create({ name: "Third" }, { idempotencyKey });
    equal(again, world.third, "application");
    holds(world.third.uid == null, "a uid out of nowhere");
  });

  await step("v1.application.create", "409 when the uid is taken", async () => {
    await fails(409, "conflict", () => svix.application.create({ name: "Taken", uid }));
  });

  await step("v1.application.create", "422 for an empty name, with its place", async () => {
    const { detail } = await fails(422, null, () => svix.application.create({ name: "" }));
    equal([detail[0].loc, detail[0].type], [["body", "name"], "value_error"], "place and type");
    holds(detail[0].msg, "no message");
  });

  await step("v1.application.get", "404 for an unknown application", async () => {
    await fails(404, "not_found", () => svix.application.get(`${uid}-unknown`));
  });

  await step("v1.application.list", "401 for a token of another key", async () => {
    const [header, claims] = world.token.split(".");
    const stranger = new Svix(`${header}.${claims}.${"A".repeat(43)}`, { serverUrl: world.serverUrl });
    await fails(401, "authentication_failed", () => stranger.application.list());
  });

  await step("v1.application.update", "replaces all fields", async () => {
    const updated = await upsert(svix.application, uid, { name: "Renamed", uid });
    equal([updated.id, updated.name, updated.metadata], [world.app.id, "Renamed", {}], "id, name and metadata");
    holds(updated.throttleRate == null, "the throttle rate stays");
    equal(updated.createdAt, world.app.createdAt, "time of creation");
    holds(updated.updatedAt > world.app.updatedAt, "the time of the update stays");
  });

  await step("v1.application.update", "creates what does not exist", async () => {
    const created = await upsert(svix.application, `${uid}-put`, { name: "Put", uid: `${uid}-put` });
    equal(await svix.application.get(`${uid}-put`), created, "application");
  });

  await step("v1.application.patch", "changes what is named and keeps the rest", async () => {
    const patched = await svix.application.patch(uid, { throttleRate: 100, metadata: { plan: "silver" } });
    equal([patched.name, patched.throttleRate], ["Renamed", 100], "name and throttle rate");
    equal(patched.metadata, { plan: "silver" }, "metadata");
  });

  await step("v1.application.patch", "null clears a field", async () => {
    const patched = await svix.application.patch(uid, { throttleRate: null });
    holds(patched.throttleRate == null, "the throttle rate stays");
    equal(patched.metadata, { plan: "silver" }, "metadata");
  });

  await step("v1.application.list", "iterates forwards and backwards", async () => {
    const ids = [world.app.id, world.second.id, world.third.id];
    const listing = { limit: 2, order: Ordering.Ascending };
    const page = await svix.application.list({ iterator: ids[0], ...listing });
    equal(page.data.map(({ id }) => id), ids.slice(1), "the page after the first");
    equal([page.iterator, page.prevIterator], [ids[2], `-${ids[1]}`], "iterators");
    const before = await svix.application.list({ iterator: `-${ids[2]}`, ...listing });
    equal(before.data.map(({ id }) => id), ids.slice(0, 2), "the page before the last");
  });

  await step("v1.application.list", "lists in descending order", async () => {
    const ids = [world.app.id, world.second.id, world.third.id];
    const page = await svix.application.list({ iterator: ids[2], limit: 2, order: Ordering.Descending });
    equal(page.data.map(({ id }) => id), [ids[1], ids[0]], "the page after the newest");
  });

  await step("v1.application.list", "422 for a limit beyond 250", async () => {
    const { detail } = await fails(422, null, () => svix.application.list({ limit: 251 }));
    equal(detail[0].loc.slice(0, 2), ["query", "limit"], "place");
  });

  await step("v1.application.delete", "deletes it, and frees its uid", async () => {
    await svix.application.delete(`${uid}-put`);
    await fails(404, "not_found", () => svix.application.get(`${uid}-put`));
    await fails(404, "not_found", () => svix.application.delete(`${uid}-put`));
    await svix.application.create({ name: "Again", uid: `${uid}-put` });
    await svix.application.delete(`${uid}-put`);
  });
}
