import { expect, test } from 'vitest'
import { match, path } from './match'

test('a path of the form of a pattern gives its parameters', () => {
  expect(match('/apps/:app/events/:event', '/apps/acme/events/msg_1')).toEqual({
    app: 'acme',
    event: 'msg_1',
  })
  expect(match('/', '/')).toEqual({})
  expect(match('/apps', '/apps/')).toEqual({})
})

test('any other path has none', () => {
  expect(match('/apps/:app', '/apps')).toBeNull()
  expect(match('/apps/:app', '/apps/a/events')).toBeNull()
  expect(match('/apps/:app', '/event-types/a')).toBeNull()
  expect(match('/apps/:app', '/apps/%E0%A4%A')).toBeNull()
})

test('whatever is in a segment comes back', () => {
  for (const text of ['a/b', 'ä ö', '100%', '?x=1#y', '<script>']) {
    expect(match('/apps/:app', path('apps', text))).toEqual({ app: text })
  }
})
