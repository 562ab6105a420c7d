// A customer's server: answers as it is told, and remembers what it was sent.

import { createServer } from 'node:http'

export class Receiver {
  static async start(answer = { status: 204 }) {
    const receiver = new Receiver()
    receiver.answer = answer
    receiver.requests = []
    receiver.server = createServer(async (request, response) => {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      const body = Buffer.concat(chunks).toString()
      receiver.requests?.push({ path: request.url, headers: request.headers, body })
      const answer = receiver.answers?.[request.url] ?? receiver.answer
      const { status, headers = {}, body: text = '' } = answer
      response.writeHead(status, headers).end(text)
    })
    await new Promise((resolve) => receiver.server.listen(0, '127.0.0.1', resolve))
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`
    return receiver
  }

  /** From now on, what it is sent is not remembered: for a walk that sends very much. */
  forget() {
    this.requests = undefined
  }

  stop() {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(resolve))
  }
}
