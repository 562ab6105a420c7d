// Takes a picture of every page in both themes.
//
//   screenshots.mjs PATH_TO_POSTHORN FOLDER [NAME …]

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Api } from './lib/api.mjs'
import { Browser } from './lib/browser.mjs'
import { Fleet } from './lib/fleet.mjs'
import { sample } from './lib/sample.mjs'
import { enterPortal, pages, portalPages, settled } from './pages.mjs'

const [program, folder, ...names] = process.argv.slice(2)
if (!folder) {
  process.stderr.write('usage: screenshots.mjs PATH_TO_POSTHORN FOLDER [NAME …]\n')
  process.exit(64)
}
const [WIDTH, HEIGHT] = [1360, 850]
mkdirSync(folder, { recursive: true })

/** Of all that is on the page, at least that of the window. */
function heightOf(page) {
  return page.evaluate(() => Math.max(document.documentElement.scrollHeight, window.innerHeight))
}

async function pictures(page, list, theme) {
  for (const { name, path, act, cut = false } of list) {
    if (names.length > 0 && !names.includes(name)) continue
    await page.goto(path)
    await settled(page)
    if (act) {
      await act(page)
      await settled(page)
    }
    const file = `${name}-${theme}.png`
    if (!cut) await page.setViewportSize({ width: WIDTH, height: await heightOf(page) })
    await page.screenshot({ path: join(folder, file) })
    await page.setViewportSize({ width: WIDTH, height: HEIGHT })
    process.stdout.write(`${file}\n`)
  }
}

const fleet = await Fleet.start(program, {
  POSTHORN_RETRY_SCHEDULE: '2s,10m,2h,8h',
  POSTHORN_TRACE_URL: 'https://traces.example.com/trace/{trace_id}',
})
try {
  const api = new Api(fleet.url, fleet.token)
  const made = await sample(api, fleet.natsUrl)
  for (const theme of ['light', 'dark']) {
    const browser = await Browser.start(fleet, { theme, width: WIDTH, height: HEIGHT })
    const { page } = browser
    await page.goto('/sign-in')
    await settled(page)
    await page.screenshot({ path: join(folder, `sign-in-${theme}.png`) })
    await browser.signIn(fleet.token)
    await pictures(page, pages(made), theme)
    await enterPortal({ api, page }, made.app)
    await pictures(page, portalPages(made), theme)
    for (const problem of browser.problems) process.stdout.write(`problem: ${problem}\n`)
    await browser.stop()
  }
  for (const receiver of Object.values(made.receivers)) await receiver.stop()
} finally {
  await fleet.stop()
}
