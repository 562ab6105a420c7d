// The two generations of the SDK, under the names of the newer one.
// The first argument of the program is the folder that holds node_modules: it is not above this file.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2]);
const manifest = join(folder, "node_modules", "svix", "package.json");

export const V2 = JSON.parse(readFileSync(manifest, "utf8")).version.startsWith("2.");

const svix = createRequire(join(folder, "package.json"))("svix");

export const { Svix, Webhook, WebhookVerificationError, Ordering, MessageStatus, StatusCodeClass } = svix;
export const { BackgroundTaskStatus, BackgroundTaskType, messageInRaw } = svix;

export function upsert(resource, ...rest) {
  return V2 ? resource.upsert(...rest) : resource.update(...rest);
}

export function setHeaders(resource, ...rest) {
  return V2 ? resource.setHeaders(...rest) : resource.updateHeaders(...rest);
}

// The field that selects event types, for an endpoint.
export function eventTypes(names) {
  return { [V2 ? "eventTypes" : "filterTypes"]: names };
}

export function eventTypesOf(endpoint) {
  return V2 ? endpoint.eventTypes : endpoint.filterTypes;
}

// The first generation has both spellings; most users of it know the older one.
export function featureFlags(names) {
  return V2 ? { featureFlags: names } : { featureFlag: names && names[0] };
}
