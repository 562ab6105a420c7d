import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'

walk('an endpoint is registered and its first event arrives', async ({ browser, page, token, receiver, api }) => {
  await browser.signIn(token)
  await page.getByRole('link', { name: 'Applications' }).click()
  await page.getByRole('button', { name: 'New application' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill('Acme')
  await page.getByLabel('uid', { exact: true }).fill('acme')
  await page.getByRole('button', { name: 'Create', exact: true }).click()

  await api.post('/event-type', { name: 'invoice.paid', description: 'An invoice was paid.' })
  await page.getByRole('heading', { name: 'Endpoints', exact: true }).waitFor()
  await page.getByRole('link', { name: 'New endpoint' }).first().click()
  await page.getByLabel('URL').fill(`${receiver.url}/hooks`)
  await page.getByLabel('Only these').check()
  await page.getByLabel('invoice.paid').check()
  await page.getByRole('button', { name: 'Add a header' }).click()
  await page.getByLabel('Name of header 1').fill('x-team')
  await page.getByLabel('Value of header 1').fill('billing')
  await page.getByRole('button', { name: 'Create endpoint' }).click()

  const secret = page.getByLabel('Signing secret')
  await page.getByText(/^whsec_[\w+/=]{20}/).first().waitFor()
  const [endpoint] = (await api.get('/app/acme/endpoint')).data
  const { key } = await api.get(`/app/acme/endpoint/${endpoint.id}/secret`)
  assert.equal(await secret.first().innerText(), key)

  await page.getByRole('link', { name: 'To the endpoint' }).click()
  await page.getByText('No deliveries yet').waitFor()
  // It appears without anything being done on the page.
  await api.publish('acme', 'invoice.other', { n: 1 })
  const event = await api.publish('acme', 'invoice.paid', { n: 2 })
  await page.getByText('Succeeded · 204').waitFor()
  assert.equal(await page.locator('tbody tr').count(), 1, 'only the type that was chosen')
  const request = await eventually('the request', () => receiver.requests[0])
  assert.equal(request.headers['x-team'], 'billing')
  assert.equal(request.headers['svix-id'], event.id)

  await page.getByText('Succeeded · 204').click()
  const drawer = page.getByRole('dialog')
  await drawer.getByText('"n": 2').waitFor()
  await drawer.getByRole('button', { name: 'Copy as curl' }).click()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  assert.match(copied, /^curl -X POST 'http:.*\/hooks'/)
  await page.keyboard.press('r')
  await eventually('the resend', () => receiver.requests.length === 2)
  await page.keyboard.press('Escape')
  await page.getByText('by hand').waitFor()
})
