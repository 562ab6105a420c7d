// A small organisation with something to see on every page, made over the REST API.

import { setTimeout as sleep } from 'node:timers/promises'
import { publish } from './nats.mjs'
import { Receiver } from './receiver.mjs'

const TYPES = [
  ['invoice.created', 'An invoice was written.', { invoice: 'inv_1042', amount: 12900, currency: 'EUR' }],
  ['invoice.paid', 'An invoice was paid in full.', { invoice: 'inv_1042', paidAt: '2026-11-27T09:30:00Z' }],
  ['invoice.overdue', 'An invoice was not paid in time.', { invoice: 'inv_1042', days: 14 }],
  ['customer.created', 'A customer signed up.', { customer: 'cus_77', plan: 'team' }],
  ['customer.deleted', 'A customer left.', { customer: 'cus_77' }],
  ['report.ready', 'A report can be fetched.', { report: 'rep_9', pages: 12 }],
]
const APPS = [
  ['Acme Industries', 'acme'],
  ['Globex', 'globex'],
  ['Initech', 'initech'],
  ['Umbrella Health', 'umbrella'],
]

const REFUSED = [
  ['acme.invoice.paid', '{"data": {"invoice": "inv_1043", "amount": 12,900}}'],
  ['acme.invoice.paid', '{"invoice": "inv_1044"}'],
  ['hooli.customer.created', '{"data": {"customer": "cus_78"}}'],
]

/** One that is done, and one that waits for somebody who has seen its count. */
async function replays(api) {
  const since = new Date(Date.now() - 3_600_000).toISOString()
  const { data: endpoints } = await api.get('/app/acme/endpoint?search=analytics')
  for (const preview of [false, true]) {
    const body = { since, preview, eventTypes: ['invoice.created'] }
    await api.post(`/app/acme/endpoint/${endpoints[0].id}/bulk-replay`, body)
  }
}

export async function sample(api, natsUrl) {
  const receivers = {
    good: await Receiver.start({ status: 204 }),
    broken: await Receiver.start({
      status: 500,
      headers: { 'content-type': 'application/json' },
      body: '{"error":"database is locked"}',
    }),
    flaky: await Receiver.start({ status: 503, body: 'please wait' }),
  }
  for (const [name, description, example] of TYPES) {
    const properties = Object.fromEntries(
      Object.entries(example).map(([key, value]) => [key, { type: typeof value }]),
    )
    const schema = { type: 'object', required: Object.keys(example), properties, examples: [example] }
    await api.post('/event-type', { name, description, groupName: name.split('.')[0], schemas: { 1: schema } })
  }
  const slow = { retrySchedule: [60, 900, 7_200] }
  await api.send('PUT', '/event-type/customer.deleted/retry-schedule', slow)
  for (const [name, uid] of APPS.toReversed()) await api.app(name, uid)
  const hooks = (receiver, path) => `${receiver.url}/${path}`
  const endpoints = {
    good: await api.endpoint('acme', hooks(receivers.good, 'webhooks/billing'), {
      description: 'Billing service',
      eventTypes: ['invoice.created', 'invoice.paid', 'invoice.overdue'],
      headers: { 'x-team': 'billing' },
    }),
    broken: await api.endpoint('acme', hooks(receivers.broken, 'hooks/crm'), {
      description: 'CRM, old version',
      eventTypes: ['invoice.paid', 'customer.deleted'],
      throttleRate: 20,
    }),
    flaky: await api.endpoint('acme', hooks(receivers.flaky, 'analytics'), { description: 'Analytics' }),
    paused: await api.endpoint('acme', 'https://example.com/partner/webhooks', {
      description: 'Partner, until their move is over',
      disabled: true,
      eventTypes: ['report.ready'],
    }),
  }
  const inbox = await api.post('/app/acme/inbox', { name: 'Local work' })
  const received = await api.endpoint('acme', inbox.url, { description: 'Inbox', eventTypes: ['report.ready'] })
  await api.send('PATCH', `/app/acme/inbox/${inbox.id}`, { endpointId: received.id })
  await api.post('/api-key', { name: 'Billing service' })
  const events = []
  for (let n = 0; n < 60; n += 1) {
    const [type, , example] = TYPES[n % TYPES.length]
    if (n === 18) receivers.flaky.answer = { status: 200, body: 'ok' }
    events.push(await api.publish('acme', type, { ...example, number: n }))
    await sleep(25)
  }
  await sleep(6_000)
  for (let n = 0; n < 3; n += 1) events.push(await api.publish('acme', 'invoice.paid', TYPES[1][2]))
  await sleep(1_500)
  await replays(api)
  for (const [subject, text] of REFUSED) await publish(natsUrl, `posthorn.events.${subject}`, text)
  return { receivers, endpoints, events, inbox, app: 'acme', replays: true }
}
