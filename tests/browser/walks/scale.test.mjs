import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../lib/api.mjs'
import { Producer } from '../lib/nats.mjs'
import { walk } from '../lib/walk.mjs'
import { settled } from '../pages.mjs'

/** Of the operator's two applications together: one with most endpoints, and one with most events. */
const [ENDPOINTS, EVENTS] = [1_000, 100_000]
const [WIDE, BUSY] = [990, 10]
const WIDE_EVENTS = 10_000
/** Of the busy application, one endpoint fails, and its deliveries wait for hours. */
const FAILING = `/busy/${BUSY}`
const FAILING_EVENTS = Math.floor((EVENTS - WIDE_EVENTS) / BUSY)
const REFUSED = 500
/** Requests to the API, and messages on their way to the stream. */
const [SIDE_BY_SIDE, ON_THEIR_WAY] = [32, 512]
/** What a person does not notice as waiting. */
const LIMIT_MS = 200
const LOOKS = 7
const WORKED_OFF_MS = 900_000
/** Filling takes most of it. */
const WALK_MS = 1_700_000

async function many(count, sideBySide, make) {
  let next = 0
  const hand = async () => {
    while (next < count) {
      next += 1
      await make(next)
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, hand))
}

/** An application whose endpoints want a type of event each. */
async function application(api, receiver, name, endpoints) {
  await api.app(name, name)
  await many(endpoints, SIDE_BY_SIDE, (n) =>
    api.endpoint(name, `${receiver.url}/${name}/${n}`, {
      eventTypes: [`load.${n}`],
      ...(n === 1 && { uid: 'first' }),
      ...(n === endpoints && { uid: 'last' }),
    }),
  )
}

/** Every event has one delivery. */
async function fill(api, receiver, natsUrl) {
  const begun = Date.now()
  const seconds = () => Math.round((Date.now() - begun) / 1_000)
  receiver.forget()
  receiver.answers = { [FAILING]: { status: 503, body: 'closed for today' } }
  await many(WIDE, SIDE_BY_SIDE, (n) => api.post('/event-type', { name: `load.${n}`, description: '' }))
  await application(api, receiver, 'wide', WIDE)
  await application(api, receiver, 'busy', BUSY)
  const hours = { retrySchedule: [3_600, 7_200, 14_400] }
  await api.send('PUT', '/app/busy/endpoint/last/retry-schedule', hours)
  const configured = seconds()
  const producer = new Producer(natsUrl)
  const publish = (app, type, n) =>
    producer.publish(`posthorn.events.${app}.load.${type}`, JSON.stringify({ data: { n } }))
  await many(WIDE_EVENTS, ON_THEIR_WAY, (n) => publish('wide', (n % WIDE) + 1, n))
  await many(EVENTS - WIDE_EVENTS, ON_THEIR_WAY, (n) => publish('busy', (n % BUSY) + 1, n))
  await many(REFUSED, ON_THEIR_WAY, (n) => producer.publish('posthorn.events.nobody.load.1', `{"data":${n}}`))
  producer.stop()
  const stored = seconds()
  const attempted = async () => {
    await sleep(1_000)
    const { success, failing } = (await api.get('/overview')).totals
    return success >= EVENTS - FAILING_EVENTS && failing >= FAILING_EVENTS
  }
  await eventually('all of them attempted', attempted, WORKED_OFF_MS)
  process.stdout.write(
    `${ENDPOINTS} endpoints after ${configured} s, ${EVENTS} events stored after ${stored} s, ` +
      `attempted after ${seconds()} s\n`,
  )
}

/** Counted replays, which wait for somebody who has them done. */
async function replays(api) {
  const since = new Date(Date.now() - 6 * 3_600_000).toISOString()
  for (const endpoint of ['first', 'last']) {
    await api.post(`/app/busy/endpoint/${endpoint}/bulk-replay`, { since, preview: true })
  }
  const counted = async () => {
    const { data } = await api.get('/background-task')
    return data.every((task) => task.paused && task.data?.total > 0)
  }
  await eventually('the replays to be counted', counted, 60_000)
}

/** Every list, and the pages of what is largest. */
async function pages(api) {
  const newest = async (app) => (await api.get(`/app/${app}/msg?limit=1`)).data[0].id
  const [wide, busy] = [await newest('wide'), await newest('busy')]
  return [
    ['overview of the last hour', '/overview?range=1h'],
    ['overview of the last day', '/overview'],
    ['overview of the last week', '/overview?range=7d'],
    ['overview of an application', '/apps/busy/overview'],
    ['applications', '/apps'],
    [`endpoints, ${WIDE} of them`, '/apps/wide/endpoints'],
    ['endpoints found by a part of their URL', '/apps/wide/endpoints?search=wide/77'],
    ['an endpoint, its deliveries', '/apps/busy/endpoints/first'],
    ['a failing endpoint', '/apps/busy/endpoints/last'],
    ['its settings', '/apps/busy/endpoints/last?tab=settings'],
    ['events', '/apps/busy/events'],
    ['events of a type', '/apps/busy/events?type=load.7'],
    ['an event', `/apps/busy/events/${busy}`],
    [`an event, and why ${WIDE - 1} endpoints did not get it`, `/apps/wide/events/${wide}`],
    [`event types, ${WIDE} of them`, '/event-types'],
    [`retry calendar, ${FAILING_EVENTS} deliveries`, '/calendar'],
    ['retry calendar of an application', '/apps/busy/calendar'],
    ['replays', '/replays'],
    [`rejected input, ${REFUSED} pieces`, '/rejected'],
    ['fleet', '/fleet'],
  ]
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
    took.push([responseEnd - requestStart, new URL(request.url()).pathname])
  })
  return async () => {
    await eventually('all answers', () => took.length > 0 && pending.size === 0)
    const since = took
    took = []
    return since
  }
}

/** The slowest request of a page: of several looks, the one in the middle and the slowest. */
async function slowest(page, lap, path) {
  const looks = []
  for (let n = 0; n < LOOKS + 1; n += 1) {
    await page.goto(path)
    await settled(page)
    looks.push((await lap()).sort(([one], [next]) => next - one)[0])
  }
  // The first look fetches the page's own scripts as well.
  const sorted = looks.slice(1).sort(([one], [next]) => one - next)
  return { middle: sorted[Math.floor(LOOKS / 2)], worst: sorted.at(-1) }
}

walk(
  `with ${ENDPOINTS} endpoints and ${EVENTS} events every list is there at once`,
  async ({ browser, page, token, receiver, api, fleet }) => {
    await fill(api, receiver, fleet.natsUrl)
    await replays(api)
    await browser.signIn(token)
    const lap = stopwatch(page)
    const slow = []
    process.stdout.write(`the slowest request of each page, in the middle of ${LOOKS} looks, and of all looks:\n`)
    for (const [name, path] of await pages(api)) {
      const { middle, worst } = await slowest(page, lap, path)
      const line = `${name}: ${middle[0].toFixed(0)} ms, ${worst[0].toFixed(0)} ms (${middle[1]})`
      process.stdout.write(`  ${line}\n`)
      if (middle[0] > LIMIT_MS) slow.push(line)
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
  { operator: true, limit: WALK_MS },
)
