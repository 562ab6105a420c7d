// What every walk begins and ends with.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Api } from './api.mjs'
import { Browser } from './browser.mjs'
import { Fleet } from './fleet.mjs'
import { Receiver } from './receiver.mjs'

const LIMIT_MS = 120_000

/** The fleet of the whole run, which run.mjs has started. */
export const fleet = Object.assign(Object.create(Fleet.prototype), JSON.parse(process.env.BROWSER_FLEET))

/** A test with an organisation, a browser and a receiver of its own. */
export function walk(name, steps, options = {}) {
  test(name, { timeout: options.limit ?? LIMIT_MS }, async () => {
    // The organisation that runs the fleet sees more; there is only one.
    const token = options.operator ? fleet.token : fleet.newToken()
    const browser = await Browser.start(fleet, options)
    const receiver = await Receiver.start()
    try {
      await steps({ token, browser, page: browser.page, receiver, api: new Api(fleet.url, token), fleet })
      assert.deepEqual(browser.problems, [], 'nothing of this may happen')
    } catch (error) {
      const where = browser.page.url()
      const texts = browser.page.frames().map((frame) => frame.locator('body').innerText().catch(() => ''))
      const text = (await Promise.all(texts)).join('\n--- in a frame ---\n').slice(0, 2500)
      const noted = browser.problems.join('\n')
      throw new Error(`${error.message}\nat ${where}:\n${text}\nnoted: ${noted}`, { cause: error })
    } finally {
      await browser.stop()
      await receiver.stop()
    }
  })
}
