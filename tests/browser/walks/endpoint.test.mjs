import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'

/** An application with one endpoint at the receiver, and its page. */
async function endpointPage({ browser, page, token, receiver, api }) {
  await api.app('Acme', 'acme')
  const endpoint = await api.endpoint('acme', `${receiver.url}/hooks`)
  await browser.signIn(token)
  await page.goto(`/apps/acme/endpoints/${endpoint.id}`)
  await page.getByText('No deliveries yet').waitFor()
  return endpoint
}

walk('a failing endpoint is found, repaired and retried', async (around) => {
  const { page, receiver, api } = around
  receiver.answer = { status: 500, body: '{"error":"no disk"}' }
  await endpointPage(around)
  const event = await api.publish('acme', 'invoice.paid', { n: 1 })
  await eventually('all three attempts', () => receiver.requests.length === 3)
  await page.goto(`/apps/acme/events/${event.id}`)
  const lane = page.locator('.lane')
  await lane.getByText('Failed', { exact: true }).waitFor()
  await lane.getByText('Failed · 500').last().click()
  await page.getByRole('dialog').getByText('"no disk"').waitFor()
  await page.keyboard.press('Escape')

  receiver.answer = { status: 200 }
  await lane.getByRole('button', { name: 'Resend' }).click()
  await lane.getByText('Delivered').waitFor()
  await lane.getByText('Succeeded · 200').waitFor()
  await lane.getByText('by hand').waitFor()
})

walk('a secret is revealed, copied and rotated', async (around) => {
  const { page, receiver, api } = around
  const endpoint = await endpointPage(around)
  const shown = page.getByLabel('Signing secret')
  assert.match(await shown.innerText(), /^whsec_•+$/, 'hidden at first')
  const path = `/app/acme/endpoint/${endpoint.id}/secret`
  const old = (await api.get(path)).key
  await page.getByRole('button', { name: 'Reveal' }).click()
  await page.getByText(old).waitFor()
  await page.getByRole('button', { name: 'Copy secret' }).click()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), old)
  await page.getByRole('button', { name: 'Rotate' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate', exact: true }).click()
  await page.getByText('The secret was rotated.').waitFor()
  const fresh = (await api.get(path)).key
  assert.notEqual(fresh, old)
  await page.getByText(fresh).waitFor()
  await api.publish('acme', 'invoice.paid')
  const request = await eventually('a request', () => receiver.requests[0])
  assert.equal(request.headers['svix-signature'].split(' ').length, 2, 'signed with both')
})

walk('headers and settings are changed', async (around) => {
  const { page, receiver, api } = around
  const endpoint = await endpointPage(around)
  await page.getByRole('navigation', { name: 'Endpoint' }).getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('button', { name: 'Add a header' }).click()
  await page.getByLabel('Name of header 1').fill('x-plan')
  await page.getByLabel('Value of header 1').fill('team')
  await page.getByRole('button', { name: 'Save headers' }).click()
  await page.getByText('The headers were saved.').waitFor()
  await page.getByLabel('Description').fill('Billing')
  await page.getByLabel('Requests per second, at most').fill('5')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('The settings were saved.').waitFor()
  const saved = await api.get(`/app/acme/endpoint/${endpoint.id}`)
  assert.deepEqual([saved.description, saved.throttleRate, saved.eventTypes ?? null], ['Billing', 5, null])
  await api.publish('acme', 'invoice.paid')
  const request = await eventually('a request', () => receiver.requests[0])
  assert.equal(request.headers['x-plan'], 'team')

  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('Paused', { exact: true }).waitFor()
  assert.equal((await api.get(`/app/acme/endpoint/${endpoint.id}`)).disabled, true)
  await page.getByRole('button', { name: 'Delete this endpoint' }).click()
  const dialog = page.getByRole('dialog')
  const remove = dialog.getByRole('button', { name: 'Delete' })
  assert.equal(await remove.isDisabled(), true, 'only when its name was typed')
  await dialog.getByRole('textbox').fill(new URL(receiver.url).host)
  await remove.click()
  await page.getByText('No endpoints yet').waitFor()
})

walk('what failed is counted, replayed and its progress seen', async (around) => {
  const { page, receiver, api } = around
  receiver.answer = { status: 500 }
  const endpoint = await endpointPage(around)
  const events = 5
  for (let n = 0; n < events; n += 1) await api.publish('acme', 'invoice.paid', { n })
  const path = `/app/acme/endpoint/${endpoint.id}/msg?status=2`
  await eventually('all of them failed', async () => (await api.get(path)).data.length === events)
  receiver.answer = { status: 204 }
  const before = receiver.requests.length
  await page.getByRole('navigation', { name: 'Endpoint' }).getByRole('link', { name: 'Replay' }).click()
  await page.getByRole('button', { name: 'Count them' }).click()
  await page.getByText(`${events} events would be delivered.`).waitFor()
  assert.equal(receiver.requests.length, before, 'counting delivers nothing')
  await page.getByRole('button', { name: `Deliver ${events} events` }).click()
  await page.getByText('Finished').waitFor()
  await page.getByText(`${events} of ${events} events queued (100 %)`).waitFor()
  await eventually('each of them once more', () => receiver.requests.length === before + events)
})

walk('an endpoint is retried by the server’s schedule, and by its own once it has one', async (around) => {
  const { page, receiver, api } = around
  receiver.answer = { status: 500 }
  const endpoint = await endpointPage(around)
  await page.getByRole('navigation', { name: 'Endpoint' }).getByRole('link', { name: 'Settings' }).click()
  const card = page.locator('.card').filter({ has: page.getByRole('heading', { name: 'Retry schedule' }) })
  await card.getByText('3 attempts, the last 3 s after the first.').waitFor()
  await card.getByText('When each of them is').click()
  assert.deepEqual(await card.getByRole('row').allInnerTexts(), [
    'Attempt\tAfter the one before\tAfter the first',
    '1\tAt once\t–',
    '2\t1 s\t1 s',
    '3\t2 s\t3 s',
  ])
  const waits = card.getByLabel('Waits between attempts')
  await waits.fill('1 s, soon')
  await card.getByText('“soon” is no wait').waitFor()
  await waits.fill('3 h, 1 s')
  await card.getByRole('button', { name: 'Save schedule' }).click()
  await card.getByText('no wait may be shorter than the one before it').waitFor()
  await waits.fill('1 s, 1 s, 1 s')
  await card.getByRole('button', { name: 'Save schedule' }).click()
  await card.getByText('4 attempts, the last 3 s after the first.', { exact: true }).waitFor()
  assert.deepEqual((await api.get(`/app/acme/endpoint/${endpoint.id}/retry-schedule`)).retrySchedule, [1, 1, 1])
  await api.publish('acme', 'invoice.paid')
  await eventually('all four attempts', () => receiver.requests.length === 4)
  await card.getByRole('button', { name: 'Take its own away' }).click()
  await card.getByText('3 attempts, the last 3 s after the first.').waitFor()
})
