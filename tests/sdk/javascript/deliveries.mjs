// What arrives, its signatures, the attempts that led there, and sending again.
//
// The server has to give up soon: these steps expect three attempts within a few seconds.

import { apart, equal, eventually, fails, holds, inMinutes, step, unique } from "./harness.mjs";
import { MessageStatus, StatusCodeClass, Webhook, WebhookVerificationError } from "./sdk.mjs";
import { eventTypes, messageInRaw } from "./sdk.mjs";

const ATTEMPTS = 3;
const NO_ENDPOINT = "ep_000000000000000000000000000";

function verifies(secret, request) {
  try {
    new Webhook(secret).verify(request.body, request.headers);
    return true;
  } catch (thrown) {
    if (thrown instanceof WebhookVerificationError) {
      return false;
    }
    throw thrown;
  }
}

const idsOf = ({ data }) => data.map(({ id }) => id);

export async function walk(world) {
  const { svix, receiver } = world;
  const { endpoint, messageAttempt } = svix;
  const app = `walk-${unique()}`;
  const goodPath = receiver.path("good");
  const badPath = receiver.path("bad", ATTEMPTS);
  const goodUrl = receiver.url(goodPath);

  const send = (eventType, more = {}) =>
    apart(svix.message.create(app, { eventType, payload: { number: 1 }, ...more }));
  const secretOf = async (id) => (await endpoint.getSecret(app, id)).key;

  await step("v1.endpoint.create", "receives a message that was sent at once after it", async () => {
    await svix.application.create({ name: "Deliveries", uid: app });
    const filters = eventTypes([world.paid, world.sent]);
    world.good = await endpoint.create(app, { url: goodUrl, headers: { "X-Walk": "good" }, ...filters });
    world.bad = await endpoint.create(app, { url: receiver.url(badPath), channels: ["north"] });
    const payload = { text: "Zoë & <co>" };
    world.toBoth = await send(world.paid, { channels: ["north"], tags: ["vip"], payload });
    world.toGood = await send(world.sent);
    world.toNobody = await send(world.void);
    await receiver.wait(goodPath, world.toBoth.id);
  });

  await step(
    "v1.message.create",
    "is delivered with the endpoint's headers, signed so that the SDK verifies it",
    async () => {
      const [request] = await receiver.wait(goodPath, world.toBoth.id);
      equal([request.headers["x-walk"], request.headers["content-type"]], ["good", "application/json"], "headers");
      const secret = await secretOf(world.good.id);
      new Webhook(secret).verify(request.body, request.headers);
      holds(request.body.toString().includes("Zoë & <co>"), `the body ${request.body}`);
      equal(verifies(await secretOf(world.bad.id), request), false, "verifies with another endpoint's secret");
      request.body = Buffer.concat([request.body, Buffer.from(" ")]);
      equal(verifies(secret, request), false, "verifies although it was changed");
    },
  );

  await step("v1.message.create", "a raw payload is delivered byte for byte", async () => {
    const raw = '{"b": 1,\t"a":  [1.0, "\\u00eb"]}';
    world.raw = await svix.message.create(app, messageInRaw(world.sent, raw));
    const [request] = await receiver.wait(goodPath, world.raw.id);
    equal(request.body.toString(), raw, "body");
  });

  const attemptsOf = async ({ id }, options) => (await messageAttempt.listByMsg(app, id, options)).data;

  await step("v1.message-attempt.list-by-msg", "lists all attempts, the newest first", async () => {
    const found = await eventually(async () => {
      const attempts = await attemptsOf(world.toBoth, { withContent: true });
      equal(attempts.length, 1 + ATTEMPTS, "number of attempts");
      return attempts;
    });
    for (let index = 1; index < found.length; index += 1) {
      // Ids, which decide about the order, have a resolution of 4 ms.
      holds(found[index - 1].timestamp > found[index].timestamp - 20, "the order");
    }
    const one = found.find(({ endpointId }) => endpointId === world.good.id);
    equal([one.status, one.statusText, one.responseStatusCode], [0, "success", 200], "status");
    equal([one.msgId, one.url, one.triggerType], [world.toBoth.id, goodUrl, 0], "message, url and trigger");
    holds(one.response.includes("received"), `the response ${one.response}`);
    holds(one.responseDurationMs >= 0, "a negative duration");
    const others = found.filter(({ endpointId }) => endpointId === world.bad.id);
    for (const other of others) {
      equal([other.status, other.responseStatusCode], [2, 500], "the failed");
    }
    world.attempt = one;
    world.failedAttempt = others[0];
  });

  const count = async (options) => (await attemptsOf(world.toBoth, options)).length;
  const ALL = 1 + ATTEMPTS;

  await step("v1.message-attempt.list-by-msg", "filters by status, status code class and endpoint", async () => {
    equal(await count({ status: MessageStatus.Success }), 1, "successes");
    equal(await count({ status: MessageStatus.Fail }), ATTEMPTS, "failures");
    equal(await count({ statusCodeClass: StatusCodeClass.Code2xx }), 1, "2xx");
    equal(await count({ statusCodeClass: StatusCodeClass.Code5xx }), ATTEMPTS, "5xx");
    equal(await count({ statusCodeClass: StatusCodeClass.CodeNone }), 0, "without an answer");
    equal(await count({ endpointId: world.good.id }), 1, "of one endpoint");
    await fails(404, "not_found", () => count({ endpointId: NO_ENDPOINT }));
  });

  await step("v1.message-attempt.list-by-msg", "filters by channel, tag, event type and time", async () => {
    equal([await count({ channel: "north" }), await count({ channel: "south" })], [ALL, 0], "channel");
    equal([await count({ tag: "vip" }), await count({ tag: "nobody" })], [ALL, 0], "tag");
    const types = [await count({ eventTypes: [world.paid] }), await count({ eventTypes: [world.sent] })];
    equal(types, [ALL, 0], "event type");
    const start = world.toBoth.timestamp;
    equal([await count({ after: start }), await count({ before: start })], [ALL, 0], "time");
  });

  await step("v1.message-attempt.list-by-msg", "shows the response only if it is wanted", async () => {
    const first = async (withContent) =>
      (await attemptsOf(world.toBoth, { status: MessageStatus.Success, withContent }))[0].response;
    holds((await first(true)).includes("received"), "no response");
    equal(await first(false), "{}", "response");
  });

  await step("v1.message-attempt.list-by-msg", "iterates forwards and backwards", async () => {
    const everything = (await attemptsOf(world.toBoth)).map(({ id }) => id);
    const page = (iterator) => messageAttempt.listByMsg(app, world.toBoth.id, { limit: 2, iterator });
    const first = await page();
    equal([idsOf(first), first.done], [everything.slice(0, 2), false], "the first page");
    const second = await page(first.iterator);
    equal([idsOf(second), second.done], [everything.slice(2), true], "the second page");
    equal(idsOf(await page(second.prevIterator)), everything.slice(0, 2), "back on the first page");
  });

  const attemptsAt = async ({ id }, options) => (await messageAttempt.listByEndpoint(app, id, options)).data;

  await step(
    "v1.message-attempt.list-by-endpoint",
    "filters by status, status code class, channel, tag and event type",
    async () => {
      const messages = async (options, at = world.good) =>
        [...new Set((await attemptsAt(at, options)).map(({ msgId }) => msgId))].sort();
      const all = [world.toBoth.id, world.toGood.id, world.raw.id].sort();
      await eventually(async () => equal(await messages(), all, "all"));
      equal(await messages({ status: MessageStatus.Success }), all, "successes");
      equal(await messages({ status: MessageStatus.Fail }), [], "failures");
      equal(await messages({ statusCodeClass: StatusCodeClass.Code2xx }), all, "2xx");
      equal(await messages({ statusCodeClass: StatusCodeClass.Code4xx }), [], "4xx");
      equal(await messages({ channel: "north" }), [world.toBoth.id], "channel");
      equal(await messages({ tag: "vip" }), [world.toBoth.id], "tag");
      equal(await messages({ eventTypes: [world.paid] }), [world.toBoth.id], "event type");
      equal(await messages({ status: MessageStatus.Fail }, world.bad), [world.toBoth.id], "of the other");
    },
  );

  await step("v1.message-attempt.list-by-endpoint", "filters by time, and iterates", async () => {
    const everything = (await attemptsAt(world.good)).map(({ id }) => id);
    equal(await attemptsAt(world.good, { before: world.toBoth.timestamp }), [], "before");
    const after = await attemptsAt(world.good, { after: world.toBoth.timestamp });
    equal(after.map(({ id }) => id), everything, "after");
    const page = (iterator) => messageAttempt.listByEndpoint(app, world.good.id, { limit: 2, iterator });
    const first = await page();
    equal(idsOf(first), everything.slice(0, 2), "the first page");
    const second = await page(first.iterator);
    equal(idsOf(second), everything.slice(2), "the second page");
    equal(idsOf(await page(second.prevIterator)), everything.slice(0, 2), "back on the first page");
  });

  await step(
    "v1.message-attempt.list-by-endpoint",
    "shows the response and the message only if they are wanted",
    async () => {
      const [full] = await attemptsAt(world.good, { tag: "vip", withContent: true, withMsg: true });
      holds(full.response.includes("received"), `the response ${full.response}`);
      equal(full.msg?.id, world.toBoth.id, "message");
      const [bare] = await attemptsAt(world.good, { tag: "vip", withContent: false });
      equal(bare.response, "{}", "response");
      holds(bare.msg == null, "a message that nobody wanted");
    },
  );

  await step("v1.message-attempt.get", "gets one as it was listed; 404 if it is unknown", async () => {
    equal(await messageAttempt.get(app, world.toBoth.id, world.attempt.id), world.attempt, "attempt");
    const unknown = "atmpt_000000000000000000000000000";
    await fails(404, "not_found", () => messageAttempt.get(app, world.toBoth.id, unknown));
  });

  await step(
    "v1.message-attempt.list-attempted-messages",
    "filters by status, channel, tag, event type and time",
    async () => {
      const messages = async (options, at = world.good) =>
        idsOf(await messageAttempt.listAttemptedMessages(app, at.id, options));
      const all = [world.raw.id, world.toGood.id, world.toBoth.id];
      await eventually(async () => equal(await messages(), all, "all"));
      equal(await messages({ status: MessageStatus.Success }), all, "successes");
      equal(await messages({ status: MessageStatus.Fail }), [], "failures");
      equal(await messages({ status: MessageStatus.Fail }, world.bad), [world.toBoth.id], "of the other");
      equal(await messages({ channel: "north" }), [world.toBoth.id], "channel");
      equal(await messages({ tag: "vip" }), [world.toBoth.id], "tag");
      equal(await messages({ eventTypes: [world.sent] }), all.slice(0, 2), "event type");
      equal(await messages({ before: world.toBoth.timestamp }), [], "before");
      equal(await messages({ after: world.toBoth.timestamp }), all, "after");
      equal(await messages({ limit: 1, iterator: all[0] }), [all[1]], "the next page");
      equal(await messages({ limit: 1, iterator: `-${all[1]}` }), [all[0]], "back on the first page");
    },
  );

  await step(
    "v1.message-attempt.list-attempted-messages",
    "shows the status, and the content only if it is wanted",
    async () => {
      const shown = async ({ id }, withContent) =>
        (await messageAttempt.listAttemptedMessages(app, id, { channel: "north", withContent })).data[0];
      const full = await shown(world.good, true);
      equal([full.status, full.statusText, full.payload], [0, "success", { text: "Zoë & <co>" }], "the delivered");
      holds(full.nextAttempt == null, "a next attempt after success");
      const bare = await shown(world.bad, false);
      equal([bare.status, bare.statusText, bare.payload], [2, "fail", {}], "the failed");
    },
  );

  await step(
    "v1.message-attempt.list-attempted-destinations",
    "lists the endpoints with their status",
    async () => {
      const destinations = async ({ id }) => {
        const { data } = await messageAttempt.listAttemptedDestinations(app, id);
        return data.map((one) => [one.id, one.statusText]);
      };
      const good = [world.good.id, "success"];
      equal(await destinations(world.toBoth), [good, [world.bad.id, "fail"]], "of one for both");
      equal(await destinations(world.toGood), [good], "of one for the first");
      equal(await destinations(world.toNobody), [], "of one for nobody");
    },
  );

  await step("v1.message-attempt.list-attempted-destinations", "iterates forwards and backwards", async () => {
    const page = (iterator) =>
      messageAttempt.listAttemptedDestinations(app, world.toBoth.id, { limit: 1, iterator });
    const first = await page();
    equal([idsOf(first), first.done], [[world.good.id], false], "the first page");
    const second = await page(first.iterator);
    equal([idsOf(second), second.done], [[world.bad.id], true], "the second page");
    equal(idsOf(await page(second.prevIterator)), [world.good.id], "back on the first page");
  });

  await step("v1.message-attempt.expunge-content", "forgets the response", async () => {
    await messageAttempt.expungeContent(app, world.toBoth.id, world.failedAttempt.id);
    const found = await messageAttempt.get(app, world.toBoth.id, world.failedAttempt.id);
    equal(found.response, "EXPUNGED", "response");
  });

  await step("v1.endpoint.get-stats", "counts attempts", async () => {
    await eventually(async () => {
      const good = await endpoint.getStats(app, world.good.id);
      equal([good.success, good.fail, good.pending, good.sending], [3, 0, 0, 0], "of the first");
      const bad = await endpoint.getStats(app, world.bad.id);
      equal([bad.success, bad.fail], [0, ATTEMPTS], "of the second");
    });
    const early = { since: inMinutes(-60), until: world.toBoth.timestamp };
    equal((await endpoint.getStats(app, world.good.id, early)).success, 0, "before the first message");
    const tooLong = { since: inMinutes(-60 * 24 * 40), until: new Date() };
    await fails(400, "invalid_range", () => endpoint.getStats(app, world.good.id, tooLong));
  });

  await step("v1.message-attempt.resend", "sends again, to this endpoint alone", async () => {
    await messageAttempt.resend(app, world.toBoth.id, world.bad.id);
    await receiver.wait(badPath, world.toBoth.id, ATTEMPTS + 1);
    await eventually(async () => {
      const [newest] = await attemptsOf(world.toBoth, { endpointId: world.bad.id });
      equal([newest.status, newest.triggerType], [0, 1], "status and trigger");
    });
    equal((await receiver.received(goodPath)).length, 3, "requests at the other endpoint");
  });

  await step("v1.message-attempt.resend", "404 for an unknown endpoint", async () => {
    await fails(404, "not_found", () => messageAttempt.resend(app, world.toBoth.id, NO_ENDPOINT));
  });

  await step("v1.endpoint.rotate-secret", "for a while the old and the new secret verify", async () => {
    const old = await secretOf(world.good.id);
    await endpoint.rotateSecret(app, world.good.id, { gracePeriodSeconds: 3600 });
    world.rotated = await secretOf(world.good.id);
    holds(world.rotated !== old, "the secret stays");
    const { id } = await send(world.paid);
    const [request] = await receiver.wait(goodPath, id);
    equal(request.headers["svix-signature"].split(" ").length, 2, "number of signatures");
    equal([verifies(old, request), verifies(world.rotated, request)], [true, true], "the old and the new verify");
  });

  await step("v1.endpoint.rotate-secret", "without grace to a secret that was brought along", async () => {
    const key = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    await endpoint.rotateSecret(app, world.good.id, { key, gracePeriodSeconds: 0 });
    equal(await secretOf(world.good.id), key, "secret");
    const { id } = await send(world.paid);
    const [request] = await receiver.wait(goodPath, id);
    equal([verifies(key, request), verifies(world.rotated, request)], [true, false], "the new and the old verify");
  });

  await step("v1.endpoint.send-example", "sends an event type's example", async () => {
    const message = await endpoint.sendExample(app, world.good.id, { eventType: world.paid });
    equal(message.eventType, world.paid, "event type");
    const [request] = await receiver.wait(goodPath, message.id);
    equal(JSON.parse(request.body), { amount: 1200 }, "body");
  });

  await step("v1.endpoint.send-example", "400 for an event type without an example", async () => {
    const example = { eventType: world.sent };
    await fails(400, "invalid_scheme", () => endpoint.sendExample(app, world.good.id, example));
  });

  const finished = async (task, name) => {
    equal(task.task, name, "task");
    await eventually(async () => {
      const found = await svix.backgroundTask.get(task.id);
      equal([found.task, found.status], [name, "finished"], "task and status");
    });
  };

  await step("v1.endpoint.recover", "sends again what had failed since then", async () => {
    const path = receiver.path("recovered", ATTEMPTS);
    const failing = await endpoint.create(app, { url: receiver.url(path), channels: ["recover"] });
    const message = await send(world.void, { channels: ["recover"] });
    await receiver.wait(path, message.id, ATTEMPTS);
    await eventually(async () => equal((await attemptsAt(failing)).length, ATTEMPTS, "number of attempts"));
    const task = await endpoint.recover(app, failing.id, { since: inMinutes(-1, message.timestamp) });
    await receiver.wait(path, message.id, ATTEMPTS + 1);
    await finished(task, "endpoint.recover");
  });

  await step("v1.endpoint.recover", "422 for more than two weeks", async () => {
    const early = { since: inMinutes(-60 * 24 * 20), until: new Date() };
    await fails(422, null, () => endpoint.recover(app, world.good.id, early));
  });

  await step("v1.endpoint.replay-missing", "sends what was never sent to this endpoint", async () => {
    const path = receiver.path("late");
    const late = await endpoint.create(app, { url: receiver.url(path), ...eventTypes([world.sent]) });
    const task = await endpoint.replayMissing(app, late.id, { since: inMinutes(-1, world.toBoth.timestamp) });
    await receiver.wait(path, world.toGood.id);
    await receiver.wait(path, world.raw.id);
    await finished(task, "endpoint.replay");
    const ids = (await receiver.received(path)).map(({ headers }) => headers["svix-id"]);
    equal(ids.sort(), [world.toGood.id, world.raw.id].sort(), "messages");
  });

  await step("v1.endpoint.bulk-replay", "sends again what its filters select", async () => {
    const since = inMinutes(-1, world.toBoth.timestamp);
    const select = { since, eventTypes: [world.paid], tag: "vip", channel: "north" };
    const task = await endpoint.bulkReplay(app, world.good.id, select);
    await receiver.wait(goodPath, world.toBoth.id, 2);
    await finished(task, "endpoint.bulk-replay");
    const again = await receiver.wait(goodPath, world.toGood.id);
    equal(again.length, 1, "requests for what the filters leave out");
  });

  await step(
    "v1.message-attempt.list-attempted-messages",
    "a cancelled delivery has failed, and is canceled for those who ask for all statuses",
    async () => {
      const path = receiver.path("cancelled", ATTEMPTS);
      const failing = await endpoint.create(app, { url: receiver.url(path), channels: ["cancelled"] });
      const { id } = await send(world.void, { channels: ["cancelled"] });
      await receiver.wait(path, id);
      await endpoint.patch(app, failing.id, { disabled: true });
      const statuses = async (options) => {
        const { data } = await messageAttempt.listAttemptedMessages(app, failing.id, options);
        return data.map(({ status, statusText }) => [status, statusText]);
      };
      const canceled = [[4, "canceled"]];
      const all = { expandedStatuses: true };
      await eventually(async () => equal(await statuses(all), canceled, "all statuses"));
      equal(await statuses({ ...all, status: MessageStatus.Canceled }), canceled, "the canceled");
      equal(await statuses({ ...all, status: MessageStatus.Fail }), [], "the failed, of all statuses");
      equal(await statuses({ expandedStatuses: false }), [[2, "fail"]], "the usual statuses");
    },
  );

  await step("v1.message.create", "delivers later if it is asked to", async () => {
    const deliverAt = new Date((Math.floor(Date.now() / 1000) + 4) * 1000);
    const created = await send(world.sent, { deliverAt });
    equal(created.deliverAt, deliverAt, "deliver at");
    const { deliverAt: read } = await svix.message.get(app, created.id);
    equal(read, deliverAt, "deliver at, of the message that was read");
    const [{ headers }] = await receiver.wait(goodPath, created.id);
    const sent = Number(headers["svix-timestamp"]) * 1000;
    holds(sent >= deliverAt.getTime(), `it was sent at ${sent}, before ${deliverAt.getTime()}`);
  });
}
