import { expect, test } from 'vitest'
import { niceTop } from './bar-chart'

test('the axis ends at a number that reads well, at or above the highest bar', () => {
  expect([0, 1, 2, 3, 7, 10, 11, 55, 99, 100, 101, 4321].map(niceTop)).toEqual([
    2, 2, 2, 4, 8, 10, 20, 60, 100, 100, 200, 6000,
  ])
})
