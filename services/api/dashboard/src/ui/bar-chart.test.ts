import { expect, test } from 'vitest'
import { niceTop } from './bar-chart'

test('the axis ends at a number that reads well, at or above the highest bar', () => {
  const highest = [0, 1, 2, 3, 7, 10, 11, 27, 55, 99, 100, 101, 4321]
  expect(highest.map(niceTop)).toEqual([2, 2, 2, 4, 8, 10, 12, 30, 60, 100, 100, 120, 6000])
})
