import { useState } from 'react'
import { Code } from '../ui/json'
import { Segments } from '../ui/segments'

type Way = 'curl' | 'nats' | 'python' | 'javascript'
const WAYS: [Way, string][] = [
  ['curl', 'curl'],
  ['nats', 'NATS'],
  ['python', 'Python'],
  ['javascript', 'JavaScript'],
]

function snippet(way: Way, app: string): string {
  const server = window.location.origin
  switch (way) {
    case 'curl':
      return `curl ${server}/api/v1/app/${app}/msg \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Idempotency-Key: invoice-42" \\
  -d '{"eventType": "invoice.paid", "payload": {"invoice": 42}}'`
    case 'nats':
      return `nats publish posthorn.events.${app}.invoice.paid \\
  --header Nats-Msg-Id:invoice-42 --jetstream \\
  '{"id": "invoice-42", "data": {"invoice": 42}}'`
    case 'python':
      return `from svix.api import MessageIn, Svix, SvixOptions  # pip install svix

svix = Svix(token, SvixOptions(server_url="${server}"))
svix.message.create("${app}", MessageIn(event_type="invoice.paid", payload={"invoice": 42}))`
    case 'javascript':
      return `import { Svix } from "svix";  // npm install svix

const svix = new Svix(token, { serverUrl: "${server}" });
await svix.message.create("${app}", { eventType: "invoice.paid", payload: { invoice: 42 } });`
  }
}

/** How a producer publishes its first event. */
export function FirstEvent({ app }: { app: string }) {
  const [way, setWay] = useState<Way>('curl')
  return (
    <div className="stack card-body">
      <Segments label="How" options={WAYS} value={way} onChange={setWay} />
      <Code text={snippet(way, app)} label={`Publish with ${way}`} />
    </div>
  )
}
