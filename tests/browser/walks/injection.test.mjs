import assert from 'node:assert/strict'
import { eventually } from '../lib/api.mjs'
import { walk } from '../lib/walk.mjs'
import { pages, settled } from '../pages.mjs'

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

walk('nothing that anybody writes becomes markup or script', async ({ api, browser, page, receiver, token }) => {
  const type = 'markup.test'
  await api.post('/event-type', {
    name: type,
    description: ALL,
    groupName: ALL.slice(0, 60),
    schemas: { 1: { type: 'object', description: ALL, examples: [{ text: ALL }] } },
  })
  await api.app(ALL.slice(0, 200), 'markup')
  await api.app('Globex', 'globex')
  receiver.answer = {
    status: 500,
    headers: { 'content-type': 'text/html', 'x-markup': MARKUP[1] },
    body: `<html><script>window.executed=1</script>${ALL}</html>`,
  }
  const url = `${receiver.url}/?q=${encodeURIComponent(ALL)}&r=<script>window.executed=1</script>`
  const broken = await api.endpoint('markup', url, {
    description: ALL,
    metadata: { note: ALL },
    headers: { 'x-markup': MARKUP[1] },
  })
  const events = []
  for (const text of MARKUP) {
    events.push(await api.send('POST', '/app/markup/msg', { eventType: type, payload: { text, [text]: text } }))
  }
  await eventually('failures', () => receiver.requests.length >= 3 * MARKUP.length)
  await browser.signIn(token)
  for (const { name, path, act } of pages({ endpoints: { broken }, events, app: 'markup' })) {
    await page.goto(path.replace('invoice.paid', type))
    await settled(page)
    if (act) {
      await act(page)
      await settled(page)
      if (name === 'attempt') await page.locator('summary').first().click()
    }
    const found = await page.evaluate(() => ({
      executed: window.executed,
      elements: document.querySelectorAll('main script, main iframe, main img[src="x"], dialog script, [onload], [onerror], [onclick]').length,
      links: [...document.querySelectorAll('a[href]')].filter((link) => !/^https?:$/.test(link.protocol)).length,
    }))
    assert.deepEqual(found, { executed: undefined, elements: 0, links: 0 }, name)
  }
  // What was written is there, as text.
  await page.goto(`/apps/markup/events/${events[0].id}`)
  await page.getByText('<script>window.executed=1</script>').first().waitFor()
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
