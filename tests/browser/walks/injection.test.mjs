import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { publish } from '../lib/nats.mjs'
import { walk } from '../lib/walk.mjs'
import { enterPortal, pages, portalPages, settled } from '../pages.mjs'

/** One of each class: an element, an attribute, a handler, a scheme, a template, and all at once. */
const MARKUP = [
  '<script>window.executed=1</script>',
  '<img src=x onerror="window.executed=1">',
  '"><svg onload=window.executed=1>',
  "javascript:window.executed=1//'",
  '{{constructor.constructor("window.executed=1")()}}${window.executed=1}',
  'JAVASCRIPT:/*-/*`/*\\`/*\'/*"/**/(/* */ONCLICK=window.executed=1 )//</STYLE/</TITLE/</SCRIPT/--!>\\x3cSVG/<SVG/ONLOAD=window.executed=1//>',
  '</textarea><iframe srcdoc="<script>parent.executed=1</script>">',
]
const ALL = MARKUP.join(' ')
const [APP, TYPE] = ['markup', 'markup.test']
const LIMIT = 300_000

/** Writes it into everything that has room for it, and returns what was made. */
async function everywhere({ api, fleet, receiver }) {
  await api.post('/event-type', {
    name: TYPE,
    description: ALL,
    groupName: ALL.slice(0, 60),
    schemas: { 1: { type: 'object', description: ALL, examples: [{ text: ALL }] } },
  })
  await api.app(ALL.slice(0, 200), APP)
  await api.post('/api-key', { name: ALL.slice(0, 60) })
  await api.send('PUT', '/portal-look', { displayName: ALL.slice(0, 60), accentColor: null, logo: null, theme: 'auto' })
  receiver.answer = {
    status: 500,
    headers: { 'content-type': 'text/html', 'x-markup': MARKUP[1] },
    body: `<html><script>window.executed=1</script>${ALL}</html>`,
  }
  const url = `${receiver.url}/?q=${encodeURIComponent(ALL)}&r=<script>window.executed=1</script>`
  const broken = await api.endpoint(APP, url, {
    description: ALL,
    metadata: { note: ALL },
    headers: { 'x-markup': MARKUP[1] },
  })
  const inbox = await api.post(`/app/${APP}/inbox`, { name: ALL.slice(0, 60) })
  await fetch(`${inbox.url}?q=${encodeURIComponent(ALL)}`, {
    method: 'POST',
    headers: { 'content-type': 'text/html', 'x-markup': MARKUP[1] },
    body: ALL,
  })
  await publish(fleet.natsUrl, `posthorn.events.${APP}.${TYPE}`, ALL)
  const events = []
  for (const text of MARKUP) {
    events.push(await api.send('POST', `/app/${APP}/msg`, { eventType: TYPE, payload: { text, [text]: text } }))
  }
  await eventually('failures', () => receiver.requests.length >= 3 * MARKUP.length)
  await eventually('the refused input', async () => (await api.get(`/rejected?application=${APP}`)).data.length > 0)
  return { endpoints: { broken }, events, inbox, app: APP, eventType: TYPE }
}

/** Nothing of it has become more than text, on any of these pages, with everything on them opened. */
async function staysText(page, list) {
  for (const { name, path, act } of list) {
    await page.goto(path)
    await settled(page)
    if (act) {
      await act(page)
      await settled(page)
    }
    const found = await page.evaluate(() => {
      for (const closed of document.querySelectorAll('details')) closed.open = true
      return {
        executed: window.executed,
        elements: document.querySelectorAll('main script, main iframe, main img[src="x"], dialog script, [onload], [onerror], [onclick]').length,
        links: [...document.querySelectorAll('a[href]')].filter((link) => !/^https?:$/.test(link.protocol)).length,
      }
    })
    assert.deepEqual(found, { executed: undefined, elements: 0, links: 0 }, name)
  }
}

walk(
  'nothing that anybody writes becomes markup or script',
  async (around) => {
    const { browser, page, token } = around
    const made = await everywhere(around)
    await browser.signIn(token)
    const filter = encodeURIComponent(ALL)
    await staysText(page, [
      ...pages(made),
      { name: 'refused input', path: '/rejected', act: (page) => page.locator('[data-row]').first().click() },
      { name: 'filtered events', path: `/apps/${APP}/events?type=${filter}&channel=${filter}&tag=${filter}` },
      { name: 'filtered deliveries', path: `/apps/${APP}/endpoints/${made.endpoints.broken.id}?type=${filter}` },
    ])
    // What was written is there, as text.
    await page.goto(`/apps/${APP}/events/${made.events[0].id}`)
    await page.getByText('<script>window.executed=1</script>').first().waitFor()
    await enterPortal(around, APP)
    await page.locator('main').getByText('<script>window.executed=1</script>').first().waitFor()
    await staysText(page, portalPages(made))
  },
  { operator: true, limit: LIMIT },
)

walk('what is typed into forms stays text', async ({ api, browser, page, token }) => {
  await api.app('Acme', 'acme')
  await browser.signIn(token)
  await page.goto('/apps?new=1')
  await page.getByLabel('Name', { exact: true }).fill(ALL.slice(0, 200))
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'Endpoints', exact: true }).waitFor()
  await page.goto('/apps/acme/endpoints/new')
  await page.getByLabel('URL').fill(`http://127.0.0.1:9/?q=${MARKUP[0]}`)
  await page.getByLabel('Description').fill(ALL)
  await page.getByRole('button', { name: 'Create endpoint' }).click()
  await page.getByText('Your endpoint is ready').waitFor()
  await page.goto('/apps/acme/events?new=1')
  await page.getByRole('dialog').getByLabel('Event type').fill(TYPE)
  await page.getByRole('dialog').getByLabel('Payload').fill(JSON.stringify({ text: ALL }))
  await page.getByRole('dialog').getByRole('button', { name: 'Publish' }).click()
  await page.getByRole('heading', { name: TYPE }).waitFor()
  await page.goto('/debugger')
  for (const label of ['Headers', 'Body', 'Secret', 'Another secret']) {
    await page.getByLabel(label, { exact: true }).fill(ALL)
  }
  await page.getByRole('button', { name: 'Check' }).click()
  await page.locator('.notice').first().waitFor()
  const [{ id }] = (await api.get('/app/acme/endpoint')).data
  await page.goto(`/apps/acme/endpoints/${id}?tab=settings`)
  await page.getByLabel('Waits between attempts').fill(ALL)
  await page.getByText(/<script>.* is no wait/).waitFor()
  assert.equal(await page.evaluate(() => window.executed), undefined)
  await staysText(page, [
    { name: 'applications', path: '/apps' },
    { name: 'endpoints', path: '/apps/acme/endpoints' },
    { name: 'events', path: '/apps/acme/events' },
  ])
})

walk('an address to come back to leads nowhere else', async ({ browser, page, token, fleet }) => {
  for (const back of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
    await page.goto(`/sign-in?back=${encodeURIComponent(back)}`)
    await browser.context.clearCookies()
    await page.reload()
    await page.getByLabel('API key').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('navigation', { name: 'All applications' }).waitFor()
    assert.equal(new URL(page.url()).origin, new URL(fleet.url).origin, back)
  }
})
