// Light, dark, or as the system has it. The choice outlives the tab.

import { useSyncExternalStore } from 'react'

export type Theme = 'auto' | 'light' | 'dark'
const KEY = 'posthorn.theme'
const listeners = new Set<() => void>()
let theme: Theme = stored()

function stored(): Theme {
  try {
    const text = window.localStorage.getItem(KEY)
    return text === 'light' || text === 'dark' ? text : 'auto'
  } catch {
    return 'auto'
  }
}

function apply() {
  if (theme === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

export function setTheme(next: Theme, { keep = true } = {}) {
  theme = next
  apply()
  if (keep) {
    try {
      window.localStorage.setItem(KEY, next)
    } catch {
      // A browser that refuses storage forgets the choice with the page.
    }
  }
  for (const listener of listeners) listener()
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => theme,
  )
}

apply()
