import assert from 'node:assert/strict'
import { AxeBuilder } from '@axe-core/playwright'
import { sample } from '../lib/sample.mjs'
import { walk } from '../lib/walk.mjs'
import { pages, settled } from '../pages.mjs'

const WIDTHS = [320, 768, 1280, 2560]
const LIMIT = 840_000

async function everyPage({ api, browser, page, token }, look) {
  const made = await sample(api)
  try {
    await browser.signIn(token)
    for (const { name, path, act } of pages(made)) {
      await page.goto(path)
      await settled(page)
      if (act) {
        await act(page)
        await settled(page)
      }
      await look(name)
    }
  } finally {
    for (const receiver of Object.values(made.receivers)) await receiver.stop()
  }
}

/** What axe finds twice: while colours still change, on a busy machine, it sees some that are none. */
async function violationsOf(page) {
  for (const wait of [150, 1_000]) {
    await page.waitForTimeout(wait)
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((running) => running.finished)))
    const { violations } = await new AxeBuilder({ page }).analyze()
    if (violations.length === 0 || wait === 1_000) return violations
  }
}

walk(
  'every page can be used by everybody, in both themes and at every width',
  async (around) => {
    const { page } = around
    const mistakes = []
    await everyPage(around, async (name) => {
      for (const theme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: theme })
        const violations = await violationsOf(page)
        for (const { id, nodes } of violations) {
          mistakes.push(`${name}, ${theme}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
        }
      }
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 })
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        if (wider > 0) mistakes.push(`${name}: ${wider} px too wide at ${width} px`)
      }
      await page.setViewportSize({ width: 1280, height: 860 })
    })
    assert.deepEqual(mistakes, [])
  },
  { limit: LIMIT, operator: true },
)
