import assert from 'node:assert/strict'
import { mistakesOf } from '../lib/usable.mjs'
import { walk } from '../lib/walk.mjs'
import { pages } from '../pages.mjs'

const LIMIT = 840_000

walk(
  'every page can be used by everybody, in both themes and at every width',
  async (around) => {
    const enter = () => around.browser.signIn(around.token)
    assert.deepEqual(await mistakesOf(around, enter, pages), [])
  },
  { limit: LIMIT, operator: true },
)
