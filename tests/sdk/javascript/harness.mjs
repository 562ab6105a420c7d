// What the walks need that is not about Svix: steps, checks, waiting, and the receiver.

import { deepStrictEqual } from "node:assert";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

// How long something that happens later may take; retries of failing deliveries included.
const SOON_MS = 30_000;

// The pause after a message. Ids, which decide about order and filters by time, have a resolution of 4 ms.
const APART_MS = 20;

class CheckFailed extends Error {}

// What steps leave for later ones.
export function context(values) {
  return new Proxy(values, {
    get(target, name) {
      if (!(name in target)) {
        throw new Error(`no ${String(name)}: an earlier step failed`);
      }
      return target[name];
    },
  });
}

// The error of an answer: the SDK parses 4xx, and leaves 5xx as text.
function bodyOf(error) {
  return typeof error.body === "string" ? JSON.parse(error.body) : error.body;
}

// One line that says what went wrong, beginning with the status if it was an answer.
function describe(error) {
  if (typeof error.code === "number") {
    return `HTTP ${error.code}: ${typeof error.body === "string" ? error.body : JSON.stringify(error.body)}`;
  }
  return `${error.constructor.name}: ${error.message}`.replaceAll("\n", " ");
}

// Runs a function as one step, and prints the verdict.
export async function step(operation, words, run) {
  let error = null;
  try {
    await run();
  } catch (thrown) {
    // Whatever it is, the walk goes on.
    error = describe(thrown);
  }
  console.log(JSON.stringify({ operation, step: words, ok: error === null, error }));
}

export function equal(actual, expected, what) {
  try {
    deepStrictEqual(actual, expected);
  } catch {
    throw new CheckFailed(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }
}

export function holds(condition, what) {
  if (!condition) {
    throw new CheckFailed(what);
  }
}

// Checks that a call fails with this status and this code, and returns the error's body.
export async function fails(status, code, call) {
  let answer;
  try {
    answer = await call();
  } catch (thrown) {
    if (thrown.code !== status) {
      throw thrown;
    }
    const body = bodyOf(thrown);
    if (code !== null) {
      equal(body.code, code, `code of the ${status}`);
      holds(body.detail, `the ${status} has no detail`);
    }
    return body;
  }
  throw new CheckFailed(`no ${status}, but ${JSON.stringify(answer)}`);
}

// Calls until no check fails, and returns the answer.
export async function eventually(probe) {
  const deadline = Date.now() + SOON_MS;
  for (;;) {
    try {
      return await probe();
    } catch (thrown) {
      if (!(thrown instanceof CheckFailed) || Date.now() > deadline) {
        throw thrown;
      }
      await sleep(100);
    }
  }
}

// A time in so many minutes, or before so many.
export function inMinutes(number, from = new Date()) {
  return new Date(from.getTime() + number * 60_000);
}

// Passes on what was created, a moment later.
export async function apart(creating) {
  const created = await creating;
  await sleep(APART_MS);
  return created;
}

export function unique() {
  return randomBytes(5).toString("hex");
}

export class Receiver {
  constructor(base) {
    this.base = base;
    this.folder = unique();
  }

  path(name, failures = 0) {
    return failures > 0 ? `/fail-${failures}/${this.folder}/${name}` : `/${this.folder}/${name}`;
  }

  url(path) {
    return this.base + path;
  }

  async received(path) {
    const answer = await fetch(`${this.base}/_requests?path=${encodeURIComponent(path)}`);
    return (await answer.json()).map(({ headers, body_base64 }) => ({
      headers,
      body: Buffer.from(body_base64, "base64"),
    }));
  }

  // Waits until a message has arrived so many times, and returns the requests.
  wait(path, messageId, count = 1) {
    return eventually(async () => {
      const all = await this.received(path);
      const found = all.filter((request) => request.headers["svix-id"] === messageId);
      holds(found.length >= count, `${messageId} came ${found.length} times to ${path}, not ${count}`);
      return found;
    });
  }
}
