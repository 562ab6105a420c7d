// Whether pages can be used by everybody: what axe finds, and what does not fit at some width.

import { AxeBuilder } from '@axe-core/playwright'
import { settled } from '../pages.mjs'
import { sample } from './sample.mjs'

const WIDTHS = [320, 768, 1280, 2560]

async function everyPage({ api, page, fleet }, enter, list, look) {
  const made = await sample(api, fleet.natsUrl)
  try {
    await enter()
    for (const { name, path, act } of list(made)) {
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

/** What of a list of pages cannot be used by everybody, in one of the themes or at one of the widths. */
export async function mistakesOf(around, enter, list) {
  const { page } = around
  const mistakes = []
  await everyPage(around, enter, list, async (name) => {
    // What is folded must be usable as well.
    await page.evaluate(() => {
      for (const closed of document.querySelectorAll('details')) closed.open = true
    })
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
  return mistakes
}
