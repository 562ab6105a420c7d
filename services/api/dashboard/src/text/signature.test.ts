import { expect, test } from 'vitest'
import { examine, fromHeaders, type Given, type Sign, secretBytes } from './signature'
import { eventParser } from './sse'

// Published known answers of Standard Webhooks' and Svix's own tests.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const GIVEN: Given = {
  secrets: [SECRET],
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signatures: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: '{"test": 2432232314}',
}
const THEN = 1614265330_000

const sign: Sign = async (key, content) => {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key as BufferSource, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, content as BufferSource))
}
const examined = (changes: Partial<Given>, now = THEN) => examine({ ...GIVEN, ...changes }, sign, now)

test('a known answer verifies', async () => {
  expect((await examined({})).ok).toBe(true)
  const beside = `v1a,x v1,wrong ${GIVEN.signatures}`
  expect((await examined({ signatures: beside })).ok).toBe(true)
})

test('each mistake is named', async () => {
  const other = `whsec_${btoa('x'.repeat(32))}`
  const titles = async (changes: Partial<Given>, now?: number) => (await examined(changes, now)).title
  expect(await titles({ secrets: [other] })).toBe('No signature matches')
  expect(await titles({ secrets: [other, SECRET] })).toBe('The signature is right with the second secret')
  expect(await titles({ secrets: ['whsec_äöü'] })).toBe('The secret cannot be read')
  expect(await titles({ secrets: ['', ' '] })).toBe('The secret is missing')
  expect(await titles({ signatures: 'v1a,abc' })).toBe('There is no v1 signature')
  expect(await titles({ timestamp: 'now' })).toBe('The timestamp is no number')
  expect(await titles({ id: '' })).toBe('Headers are missing')
  expect(await titles({}, THEN + 301_000)).toMatch(/the timestamp too far away/)
  expect(await titles({}, THEN + 299_000)).toBe('The signature is right')
})

test('a body that was written again is recognised', async () => {
  for (const body of ['{"test":2432232314}', '{\n  "test": 2432232314\n}', ' {"test": 2432232314}\n']) {
    const verdict = await examined({ body })
    expect([verdict.ok, verdict.title], body).toEqual([false, 'The body was changed on its way'])
  }
})

test('headers are found among others', () => {
  const text = 'Host: a\r\nWebhook-Id: m\r\nwebhook-timestamp : 1\nsvix-signature: v1,a v1,b\nx-svix-id: no'
  expect(fromHeaders(text)).toEqual({ id: 'm', timestamp: '1', signatures: 'v1,a v1,b' })
})

test('secrets have 24 to 64 bytes', () => {
  const of = (bytes: number) => secretBytes(`whsec_${btoa('x'.repeat(bytes))}`)
  expect([typeof of(23), typeof of(65)]).toEqual(['string', 'string'])
  expect([of(24).length, of(64).length]).toEqual([24, 64])
})

test('a stream’s events come whole, however they are cut', () => {
  const text =
    ': heartbeat\n\nevent: ready\ndata: {"a":1}\n\nid: 7\r\nevent: attempt\r\ndata: one\r\ndata:two\r\n\r\nevent: no data\n\n'
  const expected = [
    { event: 'ready', data: '{"a":1}', id: null },
    { event: 'attempt', data: 'one\ntwo', id: '7' },
  ]
  for (const size of [1, 2, 3, 7, 1000]) {
    const parse = eventParser()
    const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
    expect(pieces.flatMap(parse), `in pieces of ${size}`).toEqual(expected)
  }
})
