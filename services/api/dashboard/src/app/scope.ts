// The application that a page is about, and where its pages are. An operator has it in the address; a
// customer's portal has only the one of its token.

import type { Params } from './match'
import { path } from './match'
import { type Session, useSession } from './session'
import type { Capability } from './token'

export interface Scope {
  app: string
  base: string
  may: (capability: Capability) => boolean
  portal: boolean
}

export function useScope(params: Params): Scope {
  return scopeOf(useSession(), params)
}

export function scopeOf(session: Session | null, params: Params): Scope {
  const may = session?.may ?? (() => false)
  if (session?.kind === 'portal') return { app: session.app ?? '', base: '/portal', may, portal: true }
  const app = params.app ?? ''
  return { app, base: path('apps', app), may, portal: false }
}
