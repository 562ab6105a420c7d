import { Pause, Radio } from 'lucide-react'
import type { LiveState } from '../api/live'

const WORDS: Record<LiveState, string> = {
  off: 'Stopped',
  connecting: 'Connecting',
  live: 'Live',
  polling: 'Polling',
}

/** Whether a list follows what happens, and the switch for it. */
export function Tail({ state, onToggle }: { state: LiveState; onToggle: () => void }) {
  const on = state !== 'off'
  const Icon = on ? Radio : Pause
  return (
    <button type="button" className="button" aria-pressed={on} onClick={onToggle} title="Follow what happens">
      <Icon size={14} aria-hidden="true" /> {WORDS[state]}
    </button>
  )
}
