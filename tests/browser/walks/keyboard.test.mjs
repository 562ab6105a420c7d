import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'

walk('everything can be done with the keyboard alone', async ({ page, token, api, receiver }) => {
  const press = (key) => page.keyboard.press(key)
  /** Presses Tab until something of this name has the focus. */
  const tabTo = async (name, key = 'Tab') => {
    for (let pressed = 0; pressed < 60; pressed += 1) {
      await press(key)
      const text = await page.evaluate(() => {
        const at = document.activeElement
        if (at === document.body) return ''
        const label = at?.labels?.[0]?.textContent ?? ''
        return `${at?.getAttribute('aria-label') ?? ''} ${label} ${at?.textContent ?? ''}`
      })
      if (text.includes(name)) return
    }
    throw new Error(`Tab does not lead to ${name}`)
  }
  await page.goto('/')
  await page.getByLabel('API key').waitFor()
  await tabTo('API key')
  await page.keyboard.type(token)
  await press('Enter')
  await page.getByRole('navigation', { name: 'All applications' }).waitFor()
  await press('g')
  await press('a')
  await page.getByRole('heading', { name: 'Applications', exact: true }).waitFor()
  await tabTo('New application')
  await press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo('Name')
  await page.keyboard.type('Acme')
  await tabTo('uid')
  await page.keyboard.type('acme')
  await press('Enter')
  await page.getByText('No endpoints yet').waitFor()

  await tabTo('New endpoint')
  await press('Enter')
  await page.getByRole('heading', { name: 'New endpoint', exact: true }).waitFor()
  await tabTo('URL')
  await page.keyboard.type(`${receiver.url}/hooks`)
  await press('Enter')
  await page.getByText('Your endpoint is ready').waitFor()
  await tabTo('Send example')
  await press('Enter')
  await eventually('the example', () => receiver.requests.length === 1)
  await tabTo('See what became of it')
  await press('Enter')
  await page.getByText('Succeeded · 204').waitFor()

  // Through the rows, into one, and out again; the focus comes back.
  await press('j')
  await press('Enter')
  await page.getByRole('dialog').getByRole('button', { name: 'Resend' }).waitFor()
  await press('r')
  await eventually('the resend', () => receiver.requests.length === 2)
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement?.hasAttribute('data-row')), true)

  // To the content without the menu.
  await page.goto('/apps/acme/events')
  await page.getByRole('link', { name: 'svix.ping' }).waitFor()
  await press('Tab')
  await press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main')
  await press('/')
  assert.equal(await page.evaluate(() => document.activeElement?.hasAttribute('data-search')), true)
  await press('Escape')
  await page.locator('h1').click()
  await press('?')
  await page.getByRole('dialog').getByText('resend, where it is offered').waitFor()
  assert.deepEqual((await api.get('/app/acme/endpoint')).data.length, 1)
})
