// Keys that work everywhere: `/` to the search field, `j` and `k` through the rows of a list.
// `r` resends where a page says so (data-key="r"), and `?` lists all of them.

import { useEffect } from 'react'
import { navigate } from './location'

export const KEYS: [string, string][] = [
  ['/', 'to the search field or the first filter'],
  ['j / k', 'to the next or previous row'],
  ['Enter', 'open the row'],
  ['r', 'resend, where it is offered'],
  ['g then o', 'to the overview'],
  ['g then a', 'to the applications'],
  ['?', 'show these keys'],
]

const PLACES: Record<string, string> = { o: '/overview', a: '/apps' }
/** How long the second key of two may take. */
const PAUSE = 1000

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  )
}

function focusRow(step: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = at < 0 ? (step === 1 ? 0 : rows.length - 1) : at + step
  rows[next]?.focus()
  rows[next]?.scrollIntoView({ block: 'nearest' })
}

function press(key: string, within: ParentNode = document): boolean {
  const target = within.querySelector<HTMLElement>(`[data-key="${key}"]`)
  target?.click()
  return target !== null
}

export function useKeyboard() {
  useEffect(() => {
    let went = 0
    const listen = (event: KeyboardEvent) => {
      const modified = event.metaKey || event.ctrlKey || event.altKey
      if (modified || isTyping(event.target)) return
      const dialog = document.querySelector('dialog[open]')
      if (dialog) {
        // Behind a dialog nothing may happen.
        if (event.key === 'r') press(event.key, dialog)
        return
      }
      const place = Date.now() - went < PAUSE ? PLACES[event.key] : undefined
      went = event.key === 'g' ? Date.now() : 0
      let done = true
      if (place) navigate(place)
      else if (event.key === '/') document.querySelector<HTMLElement>('main [data-search]')?.focus()
      else if (event.key === 'j') focusRow(1)
      else if (event.key === 'k') focusRow(-1)
      else if (event.key === 'r' || event.key === '?') done = press(event.key)
      else done = false
      if (done) event.preventDefault()
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [])
}
