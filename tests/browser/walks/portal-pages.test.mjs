import assert from 'node:assert/strict'
import { mistakesOf } from '../lib/usable.mjs'
import { walk } from '../lib/walk.mjs'
import { enterPortal, portalPages } from '../pages.mjs'

const LIMIT = 840_000

walk(
  'every page of the portal can be used by everybody, in both themes and at every width',
  async (around) => {
    const enter = () => enterPortal(around, 'acme')
    assert.deepEqual(await mistakesOf(around, enter, portalPages), [])
  },
  { limit: LIMIT },
)
