// Producers on NATS: one that does not care what becomes of what it publishes, and one that does.

import { once } from 'node:events'
import { connect } from 'node:net'

const WAIT_MS = 5_000

/** Publishes one message, and returns when the server has read it. */
export async function publish(url, subject, text) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setEncoding('utf8').setTimeout(WAIT_MS, () => socket.destroy(new Error('NATS does not answer')))
  try {
    const payload = Buffer.from(text)
    const head = `CONNECT {"verbose":false}\r\nPUB ${subject} ${payload.length}\r\n`
    socket.write(Buffer.concat([Buffer.from(head), payload, Buffer.from('\r\nPING\r\n')]))
    for (let heard = ''; !heard.includes('PONG'); ) {
      const [chunk] = await once(socket, 'data')
      heard += chunk
      if (heard.includes('-ERR')) throw new Error(`NATS: ${heard}`)
    }
  } finally {
    socket.destroy()
  }
}

/** Publishes many messages over one connection, and knows of each when it is durable. */
export class Producer {
  #socket
  #heard = ''
  #last = 0
  #waiting = new Map()
  #inbox = `_INBOX.${Math.random().toString(36).slice(2)}`

  constructor(url) {
    const { hostname, port } = new URL(url)
    this.#socket = connect(Number(port), hostname)
    this.#socket.setEncoding('utf8').setNoDelay()
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('NATS: the connection was closed')))
    this.#socket.write(`CONNECT {"verbose":false}\r\nSUB ${this.#inbox}.* 1\r\n`)
  }

  /** Returns when the stream has acknowledged it. */
  publish(subject, text) {
    this.#last += 1
    const number = String(this.#last)
    const size = Buffer.byteLength(text)
    this.#socket.write(`PUB ${subject} ${this.#inbox}.${number} ${size}\r\n${text}\r\n`)
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }))
  }

  stop() {
    this.#socket.destroy()
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #read(chunk) {
    this.#heard += chunk
    for (;;) {
      const end = this.#heard.indexOf('\r\n')
      if (end < 0) return
      const line = this.#heard.slice(0, end)
      const [word, subject, , size] = line.split(' ')
      let next = end + 2
      if (word === 'MSG') {
        // What acks say is ASCII, so characters are bytes.
        next += Number(size) + 2
        if (this.#heard.length < next) return
        this.#acked(subject, this.#heard.slice(end + 2, next - 2))
      } else if (word === 'PING') {
        this.#socket.write('PONG\r\n')
      } else if (word === '-ERR') {
        this.#fail(new Error(`NATS: ${line}`))
      }
      this.#heard = this.#heard.slice(next)
    }
  }

  #acked(subject, text) {
    const number = subject.slice(this.#inbox.length + 1)
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (JSON.parse(text).error) waiting?.reject(new Error(`NATS: ${text}`))
    else waiting?.resolve()
  }
}
