// Every page of the dashboard, for whatever has to look at all of them.

/** The operator's pages: a name, a path, and what is done there before anybody looks. */
export function pages({ endpoints, events, app, inbox }) {
  const base = `/apps/${app}`
  const endpoint = `${base}/endpoints/${endpoints.broken.id}`
  return [
    { name: 'overview', path: '/overview' },
    { name: 'overview-hour', path: '/overview?range=1h' },
    { name: 'overview-table', path: '/overview?range=1h', act: (page) => page.getByRole('button', { name: 'Table' }).click() },
    { name: 'start', path: '/start' },
    { name: 'calendar', path: '/calendar' },
    { name: 'replays', path: '/replays' },
    { name: 'debugger', path: '/debugger' },
    { name: 'settings', path: '/settings' },
    { name: 'settings-portal', path: '/settings?tab=portal' },
    { name: 'fleet', path: '/fleet' },
    { name: 'rejected', path: '/rejected' },
    { name: 'app-overview', path: `${base}/overview` },
    { name: 'app-calendar', path: `${base}/calendar` },
    { name: 'inboxes', path: `${base}/inboxes` },
    ...(inbox ? [{ name: 'inbox', path: `${base}/inboxes/${inbox.id}` }] : []),
    { name: 'applications', path: '/apps' },
    { name: 'application-new', path: '/apps?new=1' },
    { name: 'endpoints', path: `${base}/endpoints` },
    { name: 'endpoint-new', path: `${base}/endpoints/new` },
    { name: 'endpoint-deliveries', path: endpoint },
    { name: 'endpoint-testing', path: `${endpoint}?tab=testing` },
    { name: 'endpoint-replay', path: `${endpoint}?tab=replay` },
    { name: 'endpoint-settings', path: `${endpoint}?tab=settings` },
    { name: 'attempt', path: endpoint, act: (page) => page.locator('[data-row]').first().click() },
    { name: 'events', path: `${base}/events` },
    { name: 'event-new', path: `${base}/events?new=1` },
    { name: 'events-none', path: `/apps/globex/events` },
    { name: 'event', path: `${base}/events/${events.at(-1).id}` },
    { name: 'event-types', path: '/event-types' },
    { name: 'event-type', path: '/event-types/invoice.paid' },
    { name: 'nowhere', path: '/apps/acme/nowhere' },
  ]
}

/** Waits until a page shows what it has. */
export async function settled(page) {
  // Not until the network is idle: the live stream never is.
  await page.locator('h1').first().waitFor()
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached', timeout: 10_000 })
  await page.evaluate(() => document.fonts.ready)
}
