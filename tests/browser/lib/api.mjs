// The REST API as a producer and an operator use it.

import { setTimeout as sleep } from 'node:timers/promises'

export class Api {
  constructor(url, token) {
    this.url = url
    this.token = token
  }

  async send(method, path, body) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text ? JSON.parse(text) : null
  }

  get = (path) => this.send('GET', path)
  post = (path, body = {}) => this.send('POST', path, body)

  app(name, uid) {
    return this.post('/app', { name, uid })
  }

  endpoint(app, url, more = {}) {
    return this.post(`/app/${app}/endpoint`, { url, ...more })
  }

  publish(app, eventType, payload = {}) {
    return this.post(`/app/${app}/msg`, { eventType, payload })
  }
}

/** Asks again and again until there is an answer. */
export async function eventually(what, ask, ms = 20_000) {
  const deadline = Date.now() + ms
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms / 1000} s`)
    await sleep(100)
  }
}
