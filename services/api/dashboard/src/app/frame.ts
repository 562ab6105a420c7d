// The portal in a frame of a customer's site: the site is told how high the page is and when the session has
// ended, and may answer with a new token. Who may be that site is decided by frame-ancestors.

import { useEffect } from 'react'
import { navigate } from './location'
import { signedInToPortal, useSession } from './session'
import { claims } from './token'

const framed = window.parent !== window

/** Nothing in these messages is secret, so it does not matter which of the allowed sites reads them. */
function tell(message: { type: string; height?: number }) {
  window.parent.postMessage(message, '*')
}

export function useFrame() {
  const session = useSession()
  const portal = session?.kind === 'portal'
  useEffect(() => {
    if (!framed || !portal) return
    const observer = new ResizeObserver(() => {
      tell({ type: 'posthorn.height', height: document.documentElement.scrollHeight })
    })
    observer.observe(document.body)
    return () => {
      observer.disconnect()
      tell({ type: 'posthorn.session-ended' })
    }
  }, [portal])
  useEffect(() => {
    if (!framed) return
    const listen = (event: MessageEvent) => {
      const { type, token } = event.data ?? {}
      if (event.source !== window.parent || type !== 'posthorn.token' || typeof token !== 'string') return
      // Only a portal's: a site in whose frame we are has no business to make an operator of us.
      if (!claims(token)?.app) return
      signedInToPortal(token)
      navigate('/portal', { replace: true })
    }
    window.addEventListener('message', listen)
    return () => window.removeEventListener('message', listen)
  }, [])
}
