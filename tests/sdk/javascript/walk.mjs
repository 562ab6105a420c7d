// Walks through Posthorn's API with Svix's JavaScript SDK, of either generation; see run.sh.

import * as access from "./access.mjs";
import * as applications from "./applications.mjs";
import * as deliveries from "./deliveries.mjs";
import * as endpoints from "./endpoints.mjs";
import * as eventTypes from "./event_types.mjs";
import { Receiver, context } from "./harness.mjs";
import * as messages from "./messages.mjs";
import * as operationalWebhooks from "./operational_webhooks.mjs";
import { Svix } from "./sdk.mjs";
import * as unserved from "./unserved.mjs";
import * as usage from "./usage.mjs";

const serverUrl = process.env.SVIX_SERVER_URL;
const token = process.env.SVIX_TOKEN;

const world = context({
  serverUrl,
  token,
  svix: new Svix(token, { serverUrl }),
  receiver: new Receiver(process.env.RECEIVER_URL),
});

for (const part of [
  applications,
  eventTypes,
  endpoints,
  messages,
  deliveries,
  usage,
  access,
  operationalWebhooks,
  unserved,
]) {
  await part.walk(world);
}
