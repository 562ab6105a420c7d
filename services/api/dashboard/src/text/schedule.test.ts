import { expect, test } from 'vitest'
import { attempts, readWaits, scheduleInWords, wait, waitsText } from './schedule'

const DEFAULT = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 54_000]

test('waits are read with their units', () => {
  expect(readWaits('5, 30s, 2 min,1 h , 1 Day,')).toEqual([5, 30, 120, 3_600, 86_400])
  expect(readWaits(' ')).toBeNull()
  expect(readWaits(' None ')).toEqual([])
  for (const bad of ['soon', '5 fortnights', '-1', '1.5 h', '5 30', 'h']) {
    expect(() => readWaits(bad)).toThrow('is no wait')
  }
})

test('waits are written so that reading them gives the same', () => {
  for (const waits of [null, [], [0, 1, 59, 60, 61, 90, 3_600, 5_400, 86_400], DEFAULT]) {
    expect(readWaits(waitsText(waits))).toEqual(waits)
  }
  expect(waitsText([5, 300, 5_400])).toBe('5 s, 5 min, 90 min')
})

test('a wait is not rounded', () => {
  expect([0.5, 5, 90, 3_600, 5_400, 153_725].map(wait)).toEqual([
    '0.5 s',
    '5 s',
    '1 min 30 s',
    '1 h',
    '1 h 30 min',
    '42 h 42 min 5 s',
  ])
})

test('a schedule tells its attempts', () => {
  expect(attempts([5, 30])).toEqual([
    { number: 1, after: 0, at: 0 },
    { number: 2, after: 5, at: 5 },
    { number: 3, after: 30, at: 35 },
  ])
  expect(scheduleInWords(DEFAULT)).toBe('12 attempts, the last 42 h 42 min 35 s after the first.')
  expect(scheduleInWords([])).toBe('One attempt, and no further one.')
})
