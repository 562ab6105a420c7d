import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'

/** The portal in a frame of another site, with a link that was just made. */
async function inFrame({ browser, page, api, fleet }, access) {
  browser.allowed.add(fleet.siteOrigin)
  const { url, token } = await api.post('/auth/app-portal-access/acme', access)
  await page.goto(`${fleet.siteOrigin}/?portal=${encodeURIComponent(url)}`)
  const frame = page.frameLocator('iframe')
  await frame.getByRole('heading', { name: 'Endpoints', exact: true }).waitFor()
  return { frame, url, token }
}

walk('a customer sees the portal in a frame of another site, and may only look', async (around) => {
  const { page, api, receiver } = around
  await api.app('Acme', 'acme')
  await api.app('Globex', 'globex')
  const endpoint = await api.endpoint('acme', `${receiver.url}/mine`)
  await api.endpoint('globex', `${receiver.url}/theirs`)
  const event = await api.publish('acme', 'invoice.paid', { n: 1 })
  await eventually('the delivery', () => receiver.requests[0])
  const { frame, url, token } = await inFrame(around, { capabilities: ['ViewBase'] })

  await frame.getByRole('link', { name: `${receiver.url}/mine` }).waitFor()
  assert.equal(await frame.getByText('theirs').count(), 0)
  assert.equal(await frame.getByRole('link', { name: 'New endpoint' }).count(), 0)
  assert.equal(await frame.getByRole('link', { name: 'Applications' }).count(), 0)
  await frame.getByRole('link', { name: `${receiver.url}/mine` }).click()
  await frame.getByText('Succeeded · 204').waitFor()
  for (const name of ['Reveal', 'Rotate', 'Pause', 'Delete this endpoint']) {
    assert.equal(await frame.getByRole('button', { name }).count(), 0, name)
  }
  await frame.getByRole('link', { name: 'Events' }).click()
  await frame.getByRole('link', { name: 'invoice.paid' }).click()
  await frame.getByText('Delivered', { exact: true }).waitFor()
  assert.equal(await frame.getByRole('button', { name: 'Resend' }).count(), 0)

  const inside = page.frames().find((each) => each.url().includes('/portal'))
  assert.equal(new URL(inside.url()).hash, '', 'the code has left the address')
  assert.equal((await around.browser.context.cookies()).length, 0, 'there are no cookies')
  // What is hidden is refused as well.
  const asked = async (method, path) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${api.url}/api/v1${path}`, { method, headers, body: method === 'GET' ? undefined : '{}' })
    return response.status
  }
  const mine = `/app/acme/endpoint/${endpoint.id}`
  assert.equal(await asked('GET', mine), 200)
  assert.equal(await asked('GET', `${mine}/secret`), 403)
  assert.equal(await asked('POST', `${mine}/secret/rotate`), 403)
  assert.equal(await asked('DELETE', mine), 403)
  assert.equal(await asked('POST', `/app/acme/msg/${event.id}/endpoint/${endpoint.id}/resend`), 403)
  assert.equal(await asked('GET', '/app/globex/endpoint'), 404)

  // The link has worked once.
  await page.goto(url)
  await page.getByText('This link is not valid any more').waitFor()
})

walk('a customer with all capabilities adds an endpoint in the portal', async (around) => {
  const { page, api, receiver } = around
  await api.app('Acme', 'acme')
  const { frame } = await inFrame(around, {})
  await frame.getByRole('link', { name: 'New endpoint' }).first().click()
  await frame.getByLabel('URL').fill(`${receiver.url}/mine`)
  await frame.getByRole('button', { name: 'Create endpoint' }).click()
  await frame.getByText(/^whsec_[\w+/=]{20}/).first().waitFor()
  await frame.getByRole('button', { name: 'Send example' }).click()
  await frame.getByRole('link', { name: 'See what became of it' }).click()
  await frame.getByText('Delivered', { exact: true }).waitFor()
  assert.equal(receiver.requests.length, 1)
  const heights = await page.evaluate(() => window.heard.filter((said) => said.type === 'posthorn.height'))
  assert.ok(heights.length > 0 && heights.every((said) => said.height > 100), 'the site knows how high it is')
})

walk('an ended session is told to the site, which gives a new token', async (around) => {
  const { page, api } = around
  await api.app('Acme', 'acme')
  const { frame } = await inFrame(around, {})
  await api.post('/auth/app/acme/expire-all', {})
  await frame.getByRole('link', { name: 'Events' }).click()
  await eventually('the site hears of it', () =>
    page.evaluate(() => window.heard.some((said) => said.type === 'posthorn.session-ended')),
  )
  await frame.getByText('Your session has ended').waitFor()
  const { token } = await api.post('/auth/app-portal-access/acme', {})
  await page.evaluate((token) => {
    const inside = document.querySelector('iframe').contentWindow
    inside.postMessage({ type: 'posthorn.token', token }, '*')
  }, token)
  await frame.getByRole('heading', { name: 'Endpoints', exact: true }).waitFor()
})

walk('an operator’s page and a portal elsewhere stand in no frame', async ({ page, browser, fleet }) => {
  const policy = async (path) => (await fetch(`${fleet.url}${path}`)).headers.get('content-security-policy')
  assert.match(await policy('/apps'), /frame-ancestors 'none'$/)
  assert.match(await policy('/login'), new RegExp(`frame-ancestors 'self' ${fleet.siteOrigin}$`))
  browser.allowed.add(fleet.siteOrigin)
  await page.goto(`${fleet.siteOrigin}/?portal=${encodeURIComponent(`${fleet.url}/sign-in`)}`)
  await eventually('the browser refuses', () => browser.problems.some((one) => /frame-ancestors/.test(one)))
  browser.problems.length = 0
  const frame = page.frames().find((each) => each !== page.mainFrame())
  assert.equal(await frame.getByLabel('API key').count(), 0)
})

walk('the portal has the look that its organisation gave it', async (around) => {
  const { page, api } = around
  await api.app('Acme', 'acme')
  // One transparent pixel.
  const logo =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
  await api.send('PUT', '/portal-look', { displayName: 'Acme hooks', accentColor: '#ffd400', logo, theme: 'dark' })
  const { frame } = await inFrame(around, {})
  await frame.locator('#side').getByText('Acme hooks').waitFor()
  const inside = page.frames().find((each) => each.url().includes('/portal'))
  const look = await inside.evaluate(() => {
    const button = [...document.querySelectorAll('a.button.primary')][0]
    const { backgroundColor, color } = getComputedStyle(button)
    const image = document.querySelector('#side .brand img')
    return { theme: document.documentElement.dataset.theme, backgroundColor, color, width: image?.naturalWidth }
  })
  assert.deepEqual(look, { theme: 'dark', backgroundColor: 'rgb(255, 212, 0)', color: 'rgb(0, 0, 0)', width: 1 })
})
