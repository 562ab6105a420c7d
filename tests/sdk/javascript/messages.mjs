// Messages: creating, reading and expunging them. Nobody receives these.

import { apart, equal, eventually, fails, holds, inMinutes, step, unique } from "./harness.mjs";
import { V2 } from "./sdk.mjs";

const EXPIRED = { expired: true };

export async function walk(world) {
  const { svix } = world;
  const { message } = svix;
  const app = `walk-${unique()}`;
  const eventId = `invoice-${unique()}`;
  const payload = { invoice: 42, customer: "Zoë", lines: [1.5, null, { deep: true }] };

  const create = (eventType, more = {}, options = {}) =>
    apart(message.create(app, { eventType, payload, ...more }, { withContent: true, ...options }));
  const contentOf = async (id) => (await message.get(app, id, { withContent: true })).payload;

  await step("v1.message.create", "creates the application along with the message", async () => {
    const inline = (path, uid) =>
      message.create(path, { eventType: world.void, payload: {}, application: { name: "Inline", uid } });
    const { id } = await inline(`${app}-inline`, `${app}-inline`);
    equal((await svix.application.get(`${app}-inline`)).name, "Inline", "name of the application");
    equal((await message.get(`${app}-inline`, id)).id, id, "message");
    holds((await fails(422, null, () => inline(`${app}-other`, app))).detail, "no detail for another uid");
  });

  await step("v1.message.create", "creates a message with nothing but an event type and a payload", async () => {
    await svix.application.create({ name: "Messages", uid: app });
    const plain = await create(world.void);
    holds(plain.channels == null && plain.tags == null && plain.eventId == null, "the optional are there");
    world.plain = plain;
  });

  await step("v1.message.create", "creates a message with channels, tags, an own id and a retention", async () => {
    const tags = ["quarter/1", "vip"];
    const created = await create(world.paid, { channels: ["north"], tags, eventId, payloadRetentionPeriod: 30 });
    holds(created.id.startsWith("msg_"), `the id ${created.id}`);
    equal([created.eventType, created.eventId], [world.paid, eventId], "event type and id");
    equal([created.channels, [...created.tags].sort()], [["north"], tags], "channels and tags");
    equal(created.payload, payload, "payload");
    holds(Math.abs(Date.now() - created.timestamp) < 300_000, `the time ${created.timestamp}`);
    world.message = created;
  });

  await step("v1.message.create", "leaves the content out of the answer if it is not wanted", async () => {
    const more = { channels: ["south"], payloadRetentionHours: 48 };
    world.bare = await create(world.sent, more, { withContent: false });
    equal(world.bare.payload, {}, "payload");
  });

  await step("v1.message.create", "a repeat with the same idempotency key is the same message", async () => {
    const idempotencyKey = unique();
    const first = await create(world.void, {}, { idempotencyKey });
    const again = await create(world.void, {}, { idempotencyKey });
    equal([again.id, again.timestamp], [first.id, first.timestamp], "id and time");
    const other = await create(world.void, {}, { idempotencyKey: unique() });
    holds(other.id !== first.id, "another key is the same message, too");
  });

  await step("v1.message.create", "409 when the own id is taken", async () => {
    await fails(409, "conflict", () => create(world.paid, { eventId }));
  });

  await step(
    "v1.message.create",
    "422 for an event type that is no name, and 404 for an unknown application",
    async () => {
      const { detail } = await fails(422, null, () => create("not a name"));
      equal(detail[0].loc.slice(0, 2), ["body", "eventType"], "place");
      await fails(404, "not_found", () => message.create(`${app}-unknown`, { eventType: world.paid, payload }));
    },
  );

  await step("v1.message.get", "gets it by id and by the own id, as create answered it", async () => {
    for (const name of [world.message.id, eventId]) {
      equal(await message.get(app, name, { withContent: true }), world.message, name);
    }
  });

  await step("v1.message.get", "leaves the content out if it is not wanted", async () => {
    equal((await message.get(app, world.message.id, { withContent: false })).payload, {}, "payload");
  });

  await step("v1.message.get", "404 for an unknown message", async () => {
    await fails(404, "not_found", () => message.get(app, `${eventId}-unknown`));
  });

  const listed = (options) => message.list(app, options);
  const ids = async (options) => (await listed(options)).data.map(({ id }) => id);

  await step("v1.message.list", "iterates forwards and backwards, the newest first", async () => {
    const everything = await eventually(async () => {
      const found = await ids();
      equal(found.length, 5, "number of messages");
      return found;
    });
    equal(everything.slice(-2), [world.message.id, world.plain.id], "the oldest");
    const page = await listed({ limit: 2 });
    equal([page.data.map(({ id }) => id), page.done], [everything.slice(0, 2), false], "the first page");
    const second = await listed({ limit: 2, iterator: page.iterator });
    equal(second.data.map(({ id }) => id), everything.slice(2, 4), "the second page");
    const last = await listed({ limit: 2, iterator: second.iterator });
    equal([last.data.map(({ id }) => id), last.done], [everything.slice(4), true], "the last page");
    const back = await listed({ limit: 2, iterator: second.prevIterator });
    equal(back.data.map(({ id }) => id), everything.slice(0, 2), "back on the first page");
  });

  await step("v1.message.list", "filters by event type, channel and tag", async () => {
    equal(await ids({ eventTypes: [world.paid, world.sent] }), [world.bare.id, world.message.id], "event types");
    equal(await ids({ channel: "north" }), [world.message.id], "channel");
    equal(await ids({ tag: "vip" }), [world.message.id], "tag");
    equal(await ids({ tag: "nobody" }), [], "a tag without messages");
  });

  await step("v1.message.list", "filters by time", async () => {
    // Dates have milliseconds here, and the server's microseconds.
    equal(await ids({ before: world.plain.timestamp }), [], "before the first");
    const after = await ids({ after: inMinutes(0, new Date(world.bare.timestamp.getTime() + 1)) });
    holds(!after.includes(world.plain.id) && after.length >= 2, `after shows ${after}`);
    equal(await ids({ after: inMinutes(5) }), [], "after the last");
  });

  await step("v1.message.list", "shows the content only if it is wanted", async () => {
    equal((await listed({ channel: "north", withContent: true })).data[0].payload, payload, "with content");
    equal((await listed({ channel: "north", withContent: false })).data[0].payload, {}, "without content");
  });

  await step("v1.message.precheck", "says whether anybody would receive a message", async () => {
    const eventType = world.paid;
    equal((await message.precheck(world.uid, { eventType })).active, true, "somebody");
    equal((await message.precheck(app, { eventType })).active, false, "nobody");
  });

  await step("v1.message.expunge-content", "forgets the content and keeps the message", async () => {
    await message.expungeContent(app, world.message.id);
    const found = await message.get(app, world.message.id, { withContent: true });
    equal([found.payload, [...found.tags].sort()], [EXPIRED, ["quarter/1", "vip"]], "payload and tags");
  });

  if (V2) {
    await step("v1.message.bulk-expunge-content", "forgets the contents of some", async () => {
      const unknown = "msg_000000000000000000000000000";
      const { results } = await message.bulkExpungeContent(app, { ids: [world.bare.id, unknown] });
      equal(results, { [world.bare.id]: "expunged", [unknown]: "not-found" }, "results");
      equal(await contentOf(world.bare.id), EXPIRED, "payload");
    });
  }

  await step("v1.message.expunge-all-contents", "forgets the contents of all, as a task", async () => {
    const task = await message.expungeAllContents(app);
    equal(task.task, "application.purge_content", "task");
    await eventually(async () => equal(await contentOf(world.plain.id), EXPIRED, "payload"));
  });
}
