// A producer on NATS that does not care what becomes of what it publishes.

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
