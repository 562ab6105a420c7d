// The real fleet: `posthorn dev` on free ports, in a folder that is removed again.

import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const START_MS = 120_000
const END_MS = 30_000
const SETTINGS = {
  POSTHORN_PORT: '0',
  POSTHORN_NATS_PORT: '0',
  POSTHORN_POSTGRES_PORT: '0',
  // A failure is final after three seconds, and endpoints that fail on purpose are asked each time.
  POSTHORN_RETRY_SCHEDULE: '1s,2s',
  POSTHORN_BREAKER_OPEN: '0s',
}
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export class Fleet {
  static async start(program, settings = {}) {
    const fleet = new Fleet()
    fleet.program = program
    fleet.folder = mkdtempSync(join(tmpdir(), 'posthorn-browser-'))
    const data = join(fleet.folder, 'data')
    fleet.environment = {
      ...process.env,
      ...SETTINGS,
      ...settings,
      POSTHORN_DEV_FOLDER: data,
      POSTHORN_JWT_SECRET: randomBytes(32).toString('hex'),
    }
    const log = openSync(join(fleet.folder, 'log'), 'w')
    const stdio = ['ignore', 'ignore', log]
    fleet.process = spawn(program, ['dev'], { env: fleet.environment, stdio, detached: true })
    closeSync(log)
    await fleet.#ready(join(data, 'run.json'))
    return fleet
  }

  async #ready(facts) {
    const deadline = Date.now() + START_MS
    while (!existsSync(facts)) {
      if (this.process.exitCode !== null || Date.now() > deadline) {
        const log = this.log()
        await this.stop()
        throw new Error(`posthorn dev did not start:\n${log}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const { api_url, nats_url, database_url, token } = JSON.parse(readFileSync(facts, 'utf8'))
    Object.assign(this, { url: api_url, natsUrl: nats_url, databaseUrl: database_url, token })
  }

  /** The token of an organisation that nobody else has. */
  newToken() {
    const random = [...randomBytes(27)].map((byte) => LETTERS[byte % LETTERS.length]).join('')
    const args = ['jwt', 'generate', `org_${random}`]
    return execFileSync(this.program, args, { env: this.environment, encoding: 'utf8' }).trim()
  }

  log() {
    return readFileSync(join(this.folder, 'log'), 'utf8').split('\n').slice(-40).join('\n')
  }

  async stop() {
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve))
      this.process.kill('SIGINT')
      const timer = setTimeout(() => process.kill(-this.process.pid, 'SIGKILL'), END_MS)
      await ended
      clearTimeout(timer)
    }
    rmSync(this.folder, { recursive: true, force: true })
    return this.process.exitCode
  }
}
