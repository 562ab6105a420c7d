import assert from 'node:assert/strict'
import { walk } from '../lib/walk.mjs'

const ENDPOINTS = 1_000
const EVENTS = 100_000
const SIDE_BY_SIDE = 48
/** What a person does not notice as waiting. */
const LIMIT_MS = 200
const LISTS = [
  ['applications', '/apps'],
  ['endpoints', '/apps/big/endpoints'],
  ['events', '/apps/big/events'],
  ['events of a type', '/apps/big/events?type=load.few'],
  ['event types', '/event-types'],
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

walk(
  `with ${ENDPOINTS} endpoints and ${EVENTS} events every list is there at once`,
  async ({ browser, page, token, receiver, api }) => {
    await api.app('Big', 'big')
    for (const name of ['load.few', 'load.none']) await api.post('/event-type', { name, description: '' })
    await many(ENDPOINTS, (n) =>
      api.endpoint('big', `${receiver.url}/${n}`, { eventTypes: [n === 1 ? 'load.few' : 'load.none'] }),
    )
    const filled = Date.now()
    // Events that no endpoint wants are as many rows of history as others.
    await many(EVENTS, (n) => api.publish('big', n % 1_000 === 0 ? 'load.few' : 'load.other', { n }))
    process.stdout.write(`${EVENTS} events were accepted within ${Math.round((Date.now() - filled) / 1000)} s\n`)
    await browser.signIn(token)
    const slow = []
    for (const [name, path] of LISTS) {
      await page.goto(path)
      await page.locator('main tbody tr').first().waitFor()
      const took = []
      for (let n = 0; n < 5; n += 1) {
        await page.reload()
        await page.locator('main tbody tr').first().waitFor()
        const ms = await page.evaluate(() => {
          const calls = performance.getEntriesByType('resource').filter((one) => /\/api\/v1\/(app|event-type)/.test(one.name) && !/\/live/.test(one.name))
          return Math.max(...calls.map((one) => one.responseEnd - one.requestStart))
        })
        took.push(ms)
      }
      const median = took.sort((a, b) => a - b)[2]
      process.stdout.write(`${name}: ${median.toFixed(0)} ms\n`)
      if (median > LIMIT_MS) slow.push(`${name}: ${median} ms`)
    }
    assert.deepEqual(slow, [])
    // The next page is as fast as the first, and the one after it begins where it ended.
    await page.goto('/apps/big/events')
    const first = await page.locator('tbody tr').first().innerText()
    await page.getByRole('button', { name: 'Next' }).click()
    await page.waitForFunction((first) => document.querySelector('tbody tr').innerText !== first, first)
    await page.getByRole('button', { name: 'Previous' }).click()
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length > 0)
  },
  { limit: 600_000 },
)
