import { expect, test } from 'vitest'
import { activityInWords, successRate } from './activity'
import { bucketLabel } from './bucket'
import { contrast, onColour, readableOn } from './colour'
import { grouped } from './consumers'
import { curl, quoted } from './curl'
import { endpointStatus } from './delivery'
import { failureInWords } from './failure'
import { shortId } from './id'
import { bytes, compact, counted, percent } from './number'
import { examples, hasExample, latest, nextVersion } from './schema'
import { counts } from './task'
import { absolute, exact, milliseconds, relative } from './time'
import { traceUrl } from './trace'
import { urlAdvice } from './url-advice'

const NOW = new Date('2026-11-27T12:00:00Z')
const before = (seconds: number) => new Date(NOW.getTime() - seconds * 1000)

test('how long ago, in one unit', () => {
  expect(relative(before(1), NOW)).toBe('just now')
  expect(relative(before(59), NOW)).toBe('59 s ago')
  expect(relative(before(3599), NOW)).toBe('59 min ago')
  expect(relative(before(47 * 3600), NOW)).toBe('47 h ago')
  expect(relative(before(49 * 3600), NOW)).toBe('2 d ago')
  expect(relative(before(-90), NOW)).toBe('in 1 min')
})

test('when, as short as it is clear', () => {
  expect(absolute(before(60), NOW)).toBe('11:59:00')
  expect(absolute(before(24 * 3600), NOW)).toBe('26 Nov 12:00:00')
  expect(absolute(new Date('2025-01-02T03:04:05Z'), NOW)).toBe('2 Jan 2025 03:04:05')
  expect(exact(NOW)).toBe('2026-11-27 12:00:00.000 UTC')
})

test('durations', () => {
  expect([0.34, 12.6, 999, 1500, 12_345].map(milliseconds)).toEqual([
    '0.3 ms',
    '13 ms',
    '999 ms',
    '1.50 s',
    '12.3 s',
  ])
})

test('numbers and shares', () => {
  expect([percent(0, 0), percent(1, 2), percent(9999, 10_000), percent(1, 100_000), percent(3, 3)]).toEqual([
    '–',
    '50 %',
    '> 99.9 %',
    '< 0.1 %',
    '100 %',
  ])
  expect([bytes(0), bytes(1023), bytes(1024), bytes(5 * 1024 * 1024)]).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '5.0 MiB',
  ])
  expect([counted(1, 'event'), counted(2000, 'event'), compact(1_250_000)]).toEqual([
    '1 event',
    '2,000 events',
    '1.3M',
  ])
})

test('a command survives every text', () => {
  expect(quoted("it's $HOME `x` \\")).toBe("'it'\\''s $HOME `x` \\'")
  const request = {
    method: 'POST',
    url: 'https://a.example/?a=1&b=2',
    headers: [['x-a', "b'c"]] as [string, string][],
    body: '{"a":"b"}',
  }
  expect(curl(request)).toBe(
    `curl -X POST 'https://a.example/?a=1&b=2' \\\n  -H 'x-a: b'\\''c' \\\n  --data-raw '{"a":"b"}'`,
  )
})

test('ids are shortened only if that makes them shorter', () => {
  expect(shortId('msg_3MfiZnV7vHHleYu0xLZ3OvrtVbz')).toBe('msg_3MfiZ…vrtVbz')
  expect(shortId('msg_short')).toBe('msg_short')
  expect(shortId('invoice-42')).toBe('invoice-42')
})

test('advice about URLs', () => {
  const advised = (url: string) => urlAdvice(url) !== undefined
  for (const url of [
    'http://a.example',
    'https://localhost/x',
    'https://10.1.2.3',
    'https://[::1]/',
    'example.com',
    'ftp://a.example',
  ]) {
    expect(advised(url), url).toBe(true)
  }
  for (const url of ['', 'https://a.example/hooks', 'https://172.32.0.1/', 'https://8.8.8.8/']) {
    expect(advised(url), url).toBe(false)
  }
})

test('the newest schema has the examples', () => {
  const schemas = { 2: { examples: [{ n: 2 }] }, 10: { examples: [{ n: 10 }, 'no object'] } }
  expect(latest(schemas)).toEqual(schemas[10])
  expect(examples(schemas)).toEqual([{ n: 10 }])
  expect(examples({ 1: { example: { n: 1 } } })).toEqual([{ n: 1 }])
  expect(hasExample(null) || hasExample({}) || hasExample({ 1: {} })).toBe(false)
  expect([nextVersion({}, false), nextVersion(schemas, false), nextVersion(schemas, true)]).toEqual([
    '1',
    '10',
    '11',
  ])
})

test('an endpoint that was disabled for its failures is not just paused', () => {
  expect(endpointStatus({ disabled: false, autoDisabled: { reason: 'gone' } }).word).toBe('Active')
  expect(endpointStatus({ disabled: true }).word).toBe('Paused')
  expect(endpointStatus({ disabled: true, autoDisabled: { reason: 'gone' } }).word).toBe(
    'Disabled automatically',
  )
})

test('a task that has not counted yet has no total', () => {
  expect(counts({ total: null, sent: 0, withoutPayload: 0 }).total).toBeNull()
  expect(counts({ total: 5, sent: 2, withoutPayload: 1 })).toEqual({ total: 5, sent: 2, withoutPayload: 1 })
  expect(counts(undefined)).toEqual({ total: null, sent: 0, withoutPayload: 0 })
})

test('text in a portal’s colour can be read on both grounds', () => {
  for (const colour of ['#ffff00', '#000000', '#ffffff', '#777777', '#2b50c8', '#ff0055']) {
    for (const ground of ['#f1f1ee', '#222327']) {
      expect(contrast(readableOn(colour, ground), ground), `${colour} on ${ground}`).toBeGreaterThanOrEqual(
        4.5,
      )
    }
    expect(contrast(onColour(colour), colour), colour).toBeGreaterThanOrEqual(4.5)
  }
  expect(readableOn('no colour', '#ffffff')).toBe('no colour')
})

test('buckets are named by their day only where they span several', () => {
  expect(bucketLabel('2026-11-27T10:05:00Z', 60)).toBe('10:05')
  expect(bucketLabel('2026-11-27T10:00:00Z', 7200)).toBe('Fri 27, 10:00')
})

test('failures in words', () => {
  expect(failureInWords('timeout', 0)).toBe('Timed out')
  expect(failureInWords('status_5xx', 503)).toBe('Answered 503')
  expect(failureInWords('redirect', 301)).toBe('Redirect · 301')
  expect(failureInWords(null, 0)).toBe('Failed')
})

test('the partitions of a consumer are one row', () => {
  const one = (name: string, waiting: number, oldestAt: string | null) => {
    return { stream: 'JOBS_0', name, waiting, inFlight: 1, redelivered: 0, oldestAt }
  }
  const rows = grouped([
    one('recorder', 5, null),
    one('sender-0', 1, null),
    one('sender-12', 2, '2026-01-01'),
  ])
  expect(rows.map(({ name, waiting, inFlight, oldestAt }) => [name, waiting, inFlight, oldestAt])).toEqual([
    ['recorder', 5, 1, null],
    ['sender (2 partitions)', 3, 2, '2026-01-01'],
  ])
})

test('a day of an endpoint, in words', () => {
  const quiet = { endpointId: 'ep_1', success: 0, failed: 0, hours: [], lastAttempt: null }
  expect([successRate(quiet), activityInWords(quiet)]).toEqual(['–', 'No attempt in the last 24 hours'])
  const hours = [
    { success: 1, failed: 0 },
    { success: 2, failed: 1 },
  ]
  const busy = { ...quiet, success: 3, failed: 1, hours }
  expect(successRate(busy)).toBe('75 %')
  expect(activityInWords(busy)).toBe('4 attempts in the last 24 hours, 1 failed; at most 3 in an hour')
})

test('a trace has an address if its id is one', () => {
  const template = 'https://jaeger.example.com/trace/{trace_id}?of={trace_id}'
  const id = '4bf92f3577b34da6a3ce929d0e0e4736'
  expect(traceUrl(template, id)).toBe(`https://jaeger.example.com/trace/${id}?of=${id}`)
  expect(traceUrl(null, id)).toBeNull()
  for (const bad of ['', id.slice(1), `${id}0`, `${id.slice(2)}/x`, id.toUpperCase()]) {
    expect(traceUrl(template, bad)).toBeNull()
  }
})
