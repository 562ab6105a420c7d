import { expect, test } from 'vitest'
import { apiError, inWords } from './error'

test('a plain error has its sentence and its code', () => {
  const error = apiError(409, { code: 'conflict', detail: 'There is one already.' })
  expect([error.status, error.code, error.message]).toEqual([409, 'conflict', 'There is one already.'])
})

test('a list of problems names fields', () => {
  const detail = [
    { loc: ['body', 'url'], msg: 'must be a URL', type: 'value_error' },
    { loc: ['body', 'eventTypes', '[0]'], msg: 'is no event type', type: 'value_error' },
  ]
  const error = apiError(422, { detail })
  expect(error.problem('url')).toBe('must be a URL')
  expect(error.problem('eventTypes')).toBe('is no event type')
  expect(error.problem('description')).toBeUndefined()
  expect(error.message).toBe('url: must be a URL; eventTypes.[0]: is no event type')
})

test('any other body is an error all the same', () => {
  for (const body of [undefined, null, 'text', {}, [], { detail: 7 }, { detail: [] }]) {
    expect(apiError(502, body).message).toMatch(/502/)
  }
  expect(inWords(new TypeError('Failed to fetch'))).toBe('The server cannot be reached.')
})
