// Every page of the dashboard, for whatever has to look at all of them.

const firstRow = (page) => page.locator('[data-row]').first().click()

/** An application's pages, which the operator has below /apps and its customer below /portal. */
function ofApplication(base, { endpoints, events, inbox }) {
  const endpoint = `${base}/endpoints/${endpoints.broken.id}`
  return [
    { name: 'app-overview', path: `${base}/overview` },
    { name: 'app-calendar', path: `${base}/calendar` },
    { name: 'inboxes', path: `${base}/inboxes` },
    { name: 'inbox-new', path: `${base}/inboxes?new=1` },
    ...(inbox ? [{ name: 'inbox', path: `${base}/inboxes/${inbox.id}` }] : []),
    { name: 'endpoints', path: `${base}/endpoints` },
    { name: 'endpoint-new', path: `${base}/endpoints/new` },
    { name: 'endpoint-deliveries', path: endpoint },
    { name: 'endpoint-testing', path: `${endpoint}?tab=testing` },
    { name: 'endpoint-replay', path: `${endpoint}?tab=replay` },
    { name: 'endpoint-settings', path: `${endpoint}?tab=settings` },
    { name: 'attempt', path: endpoint, act: firstRow },
    { name: 'events', path: `${base}/events` },
    { name: 'event', path: `${base}/events/${events.at(-1).id}` },
    { name: 'nowhere', path: `${base}/nowhere` },
  ]
}

/**
 * The operator's pages: a name, a path, what is done there before anybody looks, and whether a picture ends
 * with the window.
 */
export function pages(made) {
  const { app, eventType = 'invoice.paid' } = made
  return [
    { name: 'overview', path: '/overview' },
    { name: 'overview-hour', path: '/overview?range=1h', cut: true },
    { name: 'overview-table', path: '/overview?range=1h', act: (page) => page.getByRole('button', { name: 'Table' }).click() },
    { name: 'start', path: '/start' },
    { name: 'calendar', path: '/calendar' },
    { name: 'replays', path: '/replays' },
    ...(made.replays ? [{ name: 'replay-job', path: '/replays', act: firstRow }] : []),
    { name: 'debugger', path: '/debugger' },
    { name: 'settings', path: '/settings' },
    { name: 'settings-portal', path: '/settings?tab=portal' },
    { name: 'settings-server', path: '/settings?tab=server' },
    { name: 'fleet', path: '/fleet' },
    { name: 'rejected', path: '/rejected' },
    { name: 'rejected-one', path: '/rejected', act: firstRow },
    { name: 'applications', path: '/apps' },
    { name: 'application-new', path: '/apps?new=1' },
    { name: 'event-new', path: `/apps/${app}/events?new=1` },
    { name: 'events-none', path: '/apps/globex/events' },
    { name: 'event-types', path: '/event-types' },
    { name: 'event-type', path: `/event-types/${eventType}` },
    ...ofApplication(`/apps/${app}`, made),
  ]
}

/** The portal's pages, for a customer who has followed a link into it. */
export function portalPages(made) {
  const { eventType = 'invoice.paid' } = made
  const list = [
    ...ofApplication('/portal', made),
    { name: 'event-types', path: '/portal/event-types' },
    { name: 'event-type', path: `/portal/event-types/${eventType}` },
    { name: 'replays', path: '/portal/replays' },
    { name: 'debugger', path: '/portal/debugger' },
  ]
  return list.map((page) => ({ ...page, name: `portal-${page.name}` }))
}

/** Opens an application's portal, as a customer who was given a link. */
export async function enterPortal({ api, page }, app) {
  const { url } = await api.post(`/auth/app-portal-access/${app}`, {})
  await page.goto(url)
  await page.getByRole('heading', { name: 'Endpoints', exact: true }).waitFor()
}

/** Waits until a page shows what it has. */
export async function settled(page) {
  // Not until the network is idle: the live stream never is.
  await page.locator('h1').first().waitFor()
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached', timeout: 10_000 })
  await page.evaluate(() => document.fonts.ready)
}
