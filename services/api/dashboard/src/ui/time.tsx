import { useSyncExternalStore } from 'react'
import { absolute, exact, relative } from '../text/time'

const TICK = 5000
const listeners = new Set<() => void>()
let now = Date.now()
let clock: ReturnType<typeof setInterval> | undefined

/** One clock for all moments on the page; it stands still while nobody looks at it. */
function subscribe(listener: () => void) {
  listeners.add(listener)
  clock ??= setInterval(() => {
    if (document.hidden) return
    now = Date.now()
    for (const each of listeners) each()
  }, TICK)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(clock)
      clock = undefined
    }
  }
}

export function useNow(): Date {
  const at = useSyncExternalStore(subscribe, () => now)
  return new Date(Math.max(at, Date.now() - TICK))
}

/** A moment both ways: how long ago, and when (UTC). */
export function Time({ at, stacked = false }: { at: string | null | undefined; stacked?: boolean }) {
  const now = useNow()
  if (!at) return <span className="dim">–</span>
  const date = new Date(at)
  return (
    <time dateTime={at} title={exact(date)} className={stacked ? 'time stacked' : 'time'}>
      {relative(date, now)} <span className="dim small num">{absolute(date, now)}</span>
    </time>
  )
}
