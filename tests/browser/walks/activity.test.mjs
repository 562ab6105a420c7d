import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'
import { enterPortal } from '../pages.mjs'

walk('the list of endpoints shows what happened at each lately', async ({ browser, page, token, receiver, api }) => {
  await api.app('Acme', 'acme')
  await api.endpoint('acme', `${receiver.url}/busy`)
  await api.endpoint('acme', `${receiver.url}/quiet`, { disabled: true })
  for (const status of [204, 204, 204, 500]) {
    receiver.answer = { status }
    const before = receiver.requests.length
    await api.publish('acme', 'invoice.paid')
    // The one that fails is tried three times.
    await eventually('its attempts', () => receiver.requests.length === before + (status === 500 ? 3 : 1))
  }
  await browser.signIn(token)
  await page.goto('/apps/acme/endpoints')
  const busy = page.getByRole('row').filter({ hasText: '/busy' })
  await busy.getByText('50 %').waitFor()
  await busy.getByRole('img', { name: /^6 attempts in the last 24 hours, 3 failed/ }).waitFor()
  await busy.getByText('Failed · 500').waitFor()
  const quiet = page.getByRole('row').filter({ hasText: '/quiet' })
  await quiet.getByText('No attempts').waitFor()
  await quiet.getByText('None for a week').waitFor()
})

walk(
  'who runs the fleet gets from an event to its trace, and a customer does not',
  async (around) => {
    const { browser, page, token, receiver, api, fleet } = around
    await api.app('Traced', 'traced')
    await api.endpoint('traced', receiver.url)
    const { id } = await api.publish('traced', 'invoice.paid')
    await eventually('the delivery', () => receiver.requests.length === 1)
    const { traceId } = await eventually('history', () => api.get(`/app/traced/msg/${id}?with_trace=true`))
    const place = fleet.traceUrl.replace('{trace_id}', traceId)
    await browser.signIn(token)
    await page.goto(`/apps/traced/events/${id}`)
    const link = page.getByRole('link', { name: 'Open trace' })
    assert.equal(await link.getAttribute('href'), place)
    await page.getByText('Succeeded · 204').click()
    const drawer = page.getByRole('dialog')
    assert.equal(await drawer.getByRole('link', { name: 'Open trace' }).getAttribute('href'), place)

    await enterPortal(around, 'traced')
    await page.goto(`/portal/events/${id}`)
    await page.getByText('Succeeded · 204').click()
    await page.getByRole('dialog').getByText('by schedule').waitFor()
    assert.equal(await link.count(), 0)
    assert.equal(await page.getByText(traceId.slice(0, 8)).count(), 0)
  },
  { operator: true },
)

walk('an organisation sees what the server keeps', async ({ browser, page, token }) => {
  await browser.signIn(token)
  await page.goto('/settings')
  await page.getByRole('link', { name: 'Server' }).click()
  await page.getByText('90 days').waitFor()
  await page.getByText('are disabled after 5 d').waitFor()
})

walk('an event shows who gets it, and the many who do not on pages of their own', async (around) => {
  const { browser, page, token, receiver, api } = around
  await api.app('Acme', 'acme')
  await api.post('/event-type', { name: 'other', description: '' })
  for (let n = 0; n < 60; n += 1) await api.endpoint('acme', `${receiver.url}/other/${n}`, { eventTypes: ['other'] })
  await api.endpoint('acme', `${receiver.url}/wanted`)
  const { id } = await api.publish('acme', 'invoice.paid')
  await eventually('the delivery', () => receiver.requests.length === 1)
  await browser.signIn(token)
  await page.goto(`/apps/acme/events/${id}`)
  await page.getByText('Goes to 1 endpoint').waitFor()
  await page.locator('.lane').getByText('/wanted').waitFor()
  const others = page.locator('.others')
  await others.getByText('Not delivered to many endpoints').click()
  assert.equal(await others.getByText('not subscribed to the message').count(), 50)
  await others.getByRole('button', { name: 'More endpoints' }).click()
  await eventually('the rest', async () => (await others.getByText('not subscribed to the message').count()) === 10)
})

walk('of many endpoints one is found by a part of its URL', async ({ browser, page, token, receiver, api }) => {
  await api.app('Acme', 'acme')
  for (let n = 0; n < 60; n += 1) await api.endpoint('acme', `${receiver.url}/hooks/${n}`, { disabled: n === 7 })
  await browser.signIn(token)
  await page.goto('/apps/acme/endpoints')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('link', { name: '/hooks/7' }).waitFor()
  await page.getByLabel('Find endpoints').fill('HOOKS/42')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: '/hooks/42' }).waitFor()
  assert.equal(await page.locator('tbody tr').count(), 1)
  assert.equal(new URL(page.url()).search, '?search=HOOKS%2F42', 'can be sent to somebody')
  await page.getByLabel('Status').selectOption('Paused')
  await page.getByText('No endpoint is like that').waitFor()
  await page.getByRole('button', { name: 'Clear the filters' }).click()
  await page.getByLabel('Status').selectOption('Paused')
  await page.getByRole('link', { name: '/hooks/7' }).waitFor()
  assert.equal(await page.locator('tbody tr').count(), 1)
})
