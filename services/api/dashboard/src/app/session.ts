// Who is signed in. An operator has a token in this tab; a customer of the portal has one that a link was
// exchanged for. Both are gone when the tab is closed.

import { useSyncExternalStore } from 'react'
import { type Capability, claims, mayDo } from './token'

export interface Session {
  kind: 'operator' | 'portal'
  token: string | null
  /** Of a portal: the application. */
  app: string | null
  /** Of a portal: what it may do; the server decides, the page only hides what would be refused. */
  may: (capability: Capability) => boolean
}

const KEY = 'posthorn.session'
const listeners = new Set<() => void>()
let session: Session | null = restore()

function build(token: string): Session {
  const said = claims(token)
  const app = said?.app ?? null
  return {
    kind: app ? 'portal' : 'operator',
    token,
    app,
    may: (capability) => !said || mayDo(said, capability),
  }
}

/** In a frame of another site a browser may refuse storage; the session then lives as long as the page. */
function storage(): Storage | null {
  try {
    return window.sessionStorage
  } catch {
    return null
  }
}

function restore(): Session | null {
  const token = storage()?.getItem(KEY)
  return token ? build(token) : null
}

function set(next: Session | null) {
  session = next
  if (next?.token) storage()?.setItem(KEY, next.token)
  else storage()?.removeItem(KEY)
  for (const listener of listeners) listener()
}

export function theSession(): Session | null {
  return session
}

export function useSession(): Session | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => session,
  )
}

export function signedIn(token: string) {
  set(build(token))
}

/** The server does not take the session any more, or its owner ended it. */
export function sessionEnded() {
  if (session) set(null)
}
