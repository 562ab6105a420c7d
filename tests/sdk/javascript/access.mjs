// Tokens for one application alone, and their end.

import { equal, eventually, fails, holds, step, unique } from "./harness.mjs";
import { Svix, V2 } from "./sdk.mjs";

export async function walk(world) {
  const { authentication } = world.svix;
  const app = `walk-${unique()}`;
  const withToken = (token) => new Svix(token, { serverUrl: world.serverUrl });

  // Checks that a token works for its application, and for nothing else.
  const opens = async ({ url, token }) => {
    holds(url.startsWith("http"), `the url ${url}`);
    const portal = withToken(token);
    equal((await portal.application.get(app)).uid, app, "application");
    const { id } = await portal.endpoint.create(app, { url: "https://example.com/portal", disabled: true });
    equal((await portal.endpoint.list(app)).data.map((one) => one.id), [id], "endpoints");
    await portal.endpoint.delete(app, id);
    await fails(404, "not_found", () => portal.endpoint.list(world.uid));
    await fails(403, null, () => portal.application.list());
    await fails(403, null, () => portal.message.create(app, { eventType: world.paid, payload: {} }));
  };

  const isOver = (portal) =>
    eventually(() => fails(401, "authentication_failed", () => portal.endpoint.list(app)));

  await step(
    "v1.authentication.app-portal-access",
    "creates the application, and a token that opens nothing else",
    async () => {
      const access = await authentication.appPortalAccess(app, { application: { name: "Portal", uid: app } });
      await opens(access);
      world.portalToken = access.token;
    },
  );

  await step("v1.authentication.app-portal-access", "404 for an unknown application", async () => {
    await fails(404, "not_found", () => authentication.appPortalAccess(`${app}-unknown`, {}));
  });

  if (!V2) {
    await step("v1.authentication.dashboard-access", "creates a token that opens nothing else", async () => {
      await opens(await authentication.dashboardAccess(app));
    });
  }

  await step("v1.authentication.logout", "ends the token that asks for it, and no other", async () => {
    const portal = withToken((await authentication.appPortalAccess(app, {})).token);
    await portal.endpoint.list(app);
    await portal.authentication.logout();
    await isOver(portal);
    await withToken(world.portalToken).endpoint.list(app);
  });

  await step("v1.authentication.expire-all", "ends the tokens of a session", async () => {
    const session = async (sessionId) => withToken((await authentication.appPortalAccess(app, { sessionId })).token);
    const one = await session("one");
    const other = await session("other");
    await authentication.expireAll(app, { expiry: 0, sessionIds: ["one"] });
    await isOver(one);
    await other.endpoint.list(app);
  });

  await step("v1.authentication.expire-all", "ends all tokens of an application, but not the next", async () => {
    await authentication.expireAll(app, { expiry: 0 });
    await isOver(withToken(world.portalToken));
    const { token } = await authentication.appPortalAccess(app, {});
    await withToken(token).endpoint.list(app);
  });
}
