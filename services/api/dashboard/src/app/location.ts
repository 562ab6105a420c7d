// Where one is: the address bar is the only state that pages share, so every view can be sent as a link.

import { useSyncExternalStore } from 'react'

export interface Place {
  path: string
  search: URLSearchParams
}

const listeners = new Set<() => void>()
let place = read()

function read(): Place {
  return { path: window.location.pathname, search: new URLSearchParams(window.location.search) }
}

function changed() {
  place = read()
  for (const listener of listeners) listener()
}

window.addEventListener('popstate', changed)

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => place)
}

/** Goes somewhere else within the dashboard. */
export function navigate(to: string, { replace = false } = {}) {
  if (replace) window.history.replaceState(null, '', to)
  else window.history.pushState(null, '', to)
  changed()
}

/** Changes some parameters of the address and keeps the others; `null` removes one. */
export function setSearch(changes: Record<string, string | null>, { replace = true } = {}) {
  const search = new URLSearchParams(window.location.search)
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === '') search.delete(key)
    else search.set(key, value)
  }
  const text = search.toString()
  navigate(window.location.pathname + (text ? `?${text}` : ''), { replace })
}
