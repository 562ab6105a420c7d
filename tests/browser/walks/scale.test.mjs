import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'
import { settled } from '../pages.mjs'

/** Of both applications together: one with most of the endpoints, and one with most of the events. */
const ENDPOINTS = 1_000
const EVENTS = 100_000
const [WIDE, BUSY] = [990, 10]
const SIDE_BY_SIDE = 64
/** What a person does not notice as waiting. */
const LIMIT_MS = 200
const LOOKS = 5
/** Filling takes most of it. */
const WALK_MS = 1_700_000
const WORKED_OFF_MS = 600_000
const PAGES = [
  ['overview of the last hour', '/overview?range=1h'],
  ['overview of the last day', '/overview'],
  ['overview of the last week', '/overview?range=7d'],
  ['overview of an application', '/apps/busy/overview'],
  ['applications', '/apps'],
  ['endpoints', '/apps/wide/endpoints'],
  ['deliveries of an endpoint', '/apps/busy/endpoints/first'],
  ['events', '/apps/busy/events'],
  ['events of a type', '/apps/busy/events?type=load.7'],
  ['event types', '/event-types'],
  ['calendar', '/calendar'],
]

async function many(count, make) {
  let next = 0
  const hand = async () => {
    while (next < count) {
      next += 1
      await make(next)
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, hand))
}

/** An application whose endpoints want a type of event each. */
async function application(api, receiver, name, endpoints) {
  await api.app(name, name)
  await many(endpoints, (n) =>
    api.endpoint(name, `${receiver.url}/${name}/${n}`, {
      eventTypes: [`load.${n}`],
      ...(n === 1 && { uid: 'first' }),
    }),
  )
}

/** Every event has one delivery. */
async function fill(api, receiver) {
  await many(WIDE, (n) => api.post('/event-type', { name: `load.${n}`, description: '' }))
  await application(api, receiver, 'wide', WIDE)
  await application(api, receiver, 'busy', BUSY)
  const begun = Date.now()
  await many(WIDE, (n) => api.publish('wide', `load.${n}`, { n }))
  await many(EVENTS - WIDE, (n) => api.publish('busy', `load.${(n % BUSY) + 1}`, { n }))
  const accepted = Date.now()
  const delivered = async () => (await api.get('/overview')).totals.success
  await eventually('all of them delivered', async () => (await delivered()) >= EVENTS, WORKED_OFF_MS)
  const [took, until] = [accepted - begun, Date.now() - begun].map((ms) => Math.round(ms / 1_000))
  process.stdout.write(`${EVENTS} events were accepted within ${took} s and delivered within ${until} s\n`)
}

/** How long requests to the API took since it was asked last; the live stream, which never ends, aside. */
function stopwatch(page) {
  const pending = new Set()
  let took = []
  const counts = (request) => request.url().includes('/api/v1/') && !request.url().includes('/live')
  page.on('request', (request) => counts(request) && pending.add(request))
  page.on('requestfailed', (request) => pending.delete(request))
  page.on('requestfinished', (request) => {
    if (!pending.delete(request)) return
    const { requestStart, responseEnd } = request.timing()
    took.push(responseEnd - requestStart)
  })
  return async () => {
    await eventually('all answers', () => took.length > 0 && pending.size === 0)
    const since = took
    took = []
    return since
  }
}

/** The slowest request of a page, in the median of several looks. */
async function slowest(page, lap, path) {
  const slowest = []
  for (let n = 0; n < LOOKS + 1; n += 1) {
    await page.goto(path)
    await settled(page)
    slowest.push(Math.max(...(await lap())))
  }
  // The first look fetches the page's own scripts as well.
  const [, ...looks] = slowest
  return looks.sort((a, b) => a - b)[Math.floor(LOOKS / 2)]
}

walk(
  `with ${ENDPOINTS} endpoints and ${EVENTS} events every list is there at once`,
  async ({ browser, page, token, receiver, api }) => {
    await fill(api, receiver)
    await browser.signIn(token)
    const lap = stopwatch(page)
    const slow = []
    for (const [name, path] of PAGES) {
      const ms = await slowest(page, lap, path)
      process.stdout.write(`${name}: ${ms.toFixed(0)} ms\n`)
      if (ms > LIMIT_MS) slow.push(`${name}: ${ms.toFixed(0)} ms`)
    }
    assert.deepEqual(slow, [])
    // The next page is as fast as the first, and the one after it begins where it ended.
    await page.goto('/apps/busy/events')
    const first = await page.locator('tbody tr').first().innerText()
    await page.getByRole('button', { name: 'Next' }).click()
    await page.waitForFunction((first) => document.querySelector('tbody tr').innerText !== first, first)
    await page.getByRole('button', { name: 'Previous' }).click()
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length > 0)
  },
  { limit: WALK_MS },
)
