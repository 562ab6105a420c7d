// Verifies deliveries with the official JavaScript libraries, unchanged.
//
// Reads JSON lines from standard input and prints one JSON line for each:
//
//   {"library": "svix" | "standardwebhooks", "secret": "whsec_…", "headers": {…}, "body_base64": "…"}
//   {"library": …, "version": …, "ok": true | false, "error": null | "…"}
//
// Exits with 0 once all lines were processed, whatever the verdicts.
// The argument is the folder that holds node_modules: it is not above this file.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const folder = resolve(process.argv[2]);
const require = createRequire(join(folder, "package.json"));

const WEBHOOKS = new Map(
  ["svix", "standardwebhooks"].map((library) => [library, require(library).Webhook]),
);

function versionOf(library) {
  const manifest = join(folder, "node_modules", library, "package.json");
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}

function verdict(line) {
  let library = null;
  let version = null;
  let error = null;
  try {
    const delivery = JSON.parse(line);
    library = delivery.library;
    const Webhook = WEBHOOKS.get(library);
    if (Webhook === undefined) {
      throw new Error(`unknown library ${JSON.stringify(library)}`);
    }
    version = versionOf(library);
    const body = Buffer.from(delivery.body_base64, "base64");
    new Webhook(delivery.secret).verify(body, delivery.headers);
  } catch (thrown) {
    // The libraries throw what they like; all of it means "no".
    error = `${thrown.constructor.name}: ${thrown.message}`;
  }
  return { library, version, ok: error === null, error };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== "") {
    console.log(JSON.stringify(verdict(line)));
  }
}
