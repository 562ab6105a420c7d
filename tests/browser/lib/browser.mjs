// A browser with a profile of its own, which notes whatever must never happen on our pages.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--force-color-profile=srgb',
]
const WAIT_MS = 15_000

export class Browser {
  static async start(fleet, { width = 1280, height = 860, theme = 'light' } = {}) {
    const browser = new Browser()
    browser.fleet = fleet
    browser.problems = []
    browser.allowed = new Set([new URL(fleet.url).origin])
    browser.profile = mkdtempSync(join(tmpdir(), 'posthorn-profile-'))
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: process.env.CHROMIUM,
      args: FLAGS,
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: 'reduce',
      baseURL: fleet.url,
    })
    browser.context.setDefaultTimeout(WAIT_MS)
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: fleet.url })
    browser.context.on('page', (page) => browser.#watch(page))
    browser.page = browser.context.pages()[0]
    browser.#watch(browser.page)
    return browser
  }

  #watch(page) {
    const note = (problem) => this.problems.push(problem)
    page.on('pageerror', (error) => note(`error of a script: ${error.message}`))
    page.on('dialog', (dialog) => {
      note(`a dialog: ${dialog.message()}`)
      dialog.dismiss()
    })
    page.on('console', (message) => {
      const text = message.text()
      if (/Content Security Policy|TrustedHTML|TrustedScript/i.test(text)) note(`a violation: ${text}`)
      else if (message.type() === 'error' && !/Failed to load resource/.test(text)) note(`the console: ${text}`)
    })
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url())
      const local = protocol === 'data:' || protocol === 'blob:' || protocol === 'about:'
      if (!local && !this.allowed.has(origin)) note(`a request to ${request.url()}`)
    })
  }

  /** Signs in as a person does. */
  async signIn(token) {
    await this.page.goto('/')
    await this.page.getByLabel('API key').fill(token)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await this.page.getByRole('navigation', { name: 'All applications' }).waitFor()
  }

  async stop() {
    await this.context.close()
    rmSync(this.profile, { recursive: true, force: true })
  }
}
