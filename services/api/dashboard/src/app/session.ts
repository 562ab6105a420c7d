// Who is signed in. An operator has a cookie that no script can read, and a word against forged requests,
// which the server tells only to our own pages. A customer of the portal has a token that a link was
// exchanged for; it is gone when the tab is closed.

import { useSyncExternalStore } from 'react'
import type { components } from '../api/schema'
import { CAPABILITIES, type Capability, claims, mayDo } from './token'

type SessionOut = components['schemas']['SessionOut']

export interface Session {
  kind: 'operator' | 'portal'
  /** A portal's; operators have a cookie. */
  token: string | null
  csrf: string | null
  /** Of a portal: the application. */
  app: string | null
  /** Whether this organisation runs the fleet. */
  operator: boolean
  /** For whoever runs the fleet: where traces are looked at, with `{trace_id}` in an id's place. */
  traceUrl: string | null
  /** Of a portal: what it may do; the server decides, the page only hides what would be refused. */
  may: (capability: Capability) => boolean
}

/** `unknown` until the server was asked about the cookie. */
type State = Session | null | 'unknown'

const KEY = 'posthorn.portal'
const listeners = new Set<() => void>()
let state: State = restore()

function ofPortal(token: string): Session {
  const said = claims(token)
  const may = (capability: Capability) =>
    said ? mayDo(said, capability) : CAPABILITIES.indexOf(capability) === 0
  return { kind: 'portal', token, csrf: null, app: said?.app ?? null, operator: false, traceUrl: null, may }
}

function ofOperator({ csrfToken, operator, traceUrl = null }: SessionOut): Session {
  const may = () => true
  return { kind: 'operator', token: null, csrf: csrfToken, app: null, operator, traceUrl, may }
}

/** In a frame of another site a browser may refuse storage; the session then lives as long as the page. */
function storage(): Storage | null {
  try {
    return window.sessionStorage
  } catch {
    return null
  }
}

/** A portal's paths have a portal's session, and all others an operator's. */
function isPortal(path: string): boolean {
  return path === '/login' || path === '/portal' || path.startsWith('/portal/')
}

function restore(): State {
  if (!isPortal(window.location.pathname)) return 'unknown'
  const token = storage()?.getItem(KEY)
  return token ? ofPortal(token) : null
}

function set(next: State) {
  state = next
  for (const listener of listeners) listener()
}

export function theSession(): Session | null {
  return state === 'unknown' ? null : state
}

function useState(): State {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => state,
  )
}

export function useSession(): Session | null {
  const now = useState()
  return now === 'unknown' ? null : now
}

/** Whether it is known who is signed in. */
export function useSessionKnown(): boolean {
  return useState() !== 'unknown'
}

export function signedInAsOperator(session: SessionOut) {
  set(ofOperator(session))
}

export function signedInToPortal(token: string) {
  storage()?.setItem(KEY, token)
  set(ofPortal(token))
}

/** The server does not take the session any more, or its owner ended it. */
export function sessionEnded() {
  if (theSession()?.kind === 'portal') storage()?.removeItem(KEY)
  set(null)
}
