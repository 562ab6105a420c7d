// A customer's own site, on another origin than ours, which shows the portal in a frame.

import { createServer } from 'node:http'

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')

export class Site {
  static async start() {
    const site = new Site()
    site.server = createServer((request, response) => {
      const portal = new URL(request.url, 'http://site').searchParams.get('portal') ?? ''
      response.writeHead(200, { 'content-type': 'text/html' }).end(
        `<!doctype html><html lang="en"><title>A customer's site</title><body><h1>Our product</h1>
        <iframe title="Webhooks" src="${escaped(portal)}" width="1100" height="700"></iframe>
        <script>
          window.heard = []
          addEventListener('message', (event) => heard.push(event.data))
        </script></body></html>`,
      )
    })
    await new Promise((resolve) => site.server.listen(0, '127.0.0.1', resolve))
    // Another host than 127.0.0.1, so another site for the browser.
    site.origin = `http://localhost:${site.server.address().port}`
    return site
  }

  stop() {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(resolve))
  }
}
