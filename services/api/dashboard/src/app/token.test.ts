import { expect, test } from 'vitest'
import { claims, codeOfLink, mayDo } from './token'

const base64url = (value: unknown) =>
  btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const token = (payload: unknown) => `x.${base64url(payload)}.y`

test('a portal’s token names its application', () => {
  expect(claims(token({ sub: 'app_1', org: 'org_1' }))?.app).toBe('app_1')
  expect(claims(token({ sub: 'org_1' }))?.app).toBeNull()
})

test('what is no token says nothing', () => {
  for (const text of ['', 'phk_abc', 'a.b.c', `x.${base64url(null)}.y`]) expect(claims(text)).toBeNull()
})

test('a token may do what the server would let it', () => {
  const said = (more: object) => claims(token({ sub: 'app_1', ...more }))
  const may = (more: object, what: Parameters<typeof mayDo>[1]) => {
    const all = said(more)
    return all !== null && mayDo(all, what)
  }
  expect(may({}, 'ManageEndpoint')).toBe(true)
  expect(may({ read_only: true }, 'ViewBase')).toBe(true)
  expect(may({ read_only: true }, 'ViewEndpointSecret')).toBe(false)
  expect(may({ capabilities: ['ViewBase'] }, 'CreateAttempts')).toBe(false)
  expect(may({ capabilities: ['ManageEndpoint', 'ViewBase'], read_only: true }, 'ManageEndpoint')).toBe(false)
  expect(may({ capabilities: ['ViewEndpointSecret'], read_only: true }, 'ViewEndpointSecret')).toBe(true)
})

test('the code of a link is found in its fragment only if it is one', () => {
  const fragment = (value: unknown) => `#key=${base64url(value)}`
  expect(codeOfLink(fragment({ appId: 'app_1', oneTimeToken: 'ott_x' }))).toBe('ott_x')
  for (const text of [
    '',
    '#',
    '#key=',
    '#key=%%%',
    fragment({}),
    fragment({ oneTimeToken: 7 }),
    fragment(null),
  ]) {
    expect(codeOfLink(text)).toBeNull()
  }
})
