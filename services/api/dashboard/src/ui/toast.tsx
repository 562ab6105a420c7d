import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { useSyncExternalStore } from 'react'

interface Toast {
  id: number
  tone: 'ok' | 'bad'
  text: string
}

const PATIENCE = 6000
const listeners = new Set<() => void>()
let toasts: Toast[] = []
let next = 0

function set(all: Toast[]) {
  toasts = all
  for (const listener of listeners) listener()
}

/** Says what became of something that was asked for. */
export function toast(tone: 'ok' | 'bad', text: string) {
  next += 1
  const id = next
  set([...toasts.slice(-3), { id, tone, text }])
  if (tone === 'ok') setTimeout(() => dismiss(id), PATIENCE)
}

function dismiss(id: number) {
  set(toasts.filter((one) => one.id !== id))
}

export function Toasts() {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  return (
    <div className="toasts" role="status" aria-live="polite">
      {all.map(({ id, tone, text }) => (
        <div key={id} className={`notice ${tone}`}>
          {tone === 'ok' ? <CircleCheck size={15} /> : <CircleAlert size={15} />}
          <div>{text}</div>
          <button type="button" className="button quiet icon small" onClick={() => dismiss(id)}>
            <X size={14} aria-hidden="true" />
            <span className="hidden-text">Dismiss</span>
          </button>
        </div>
      ))}
    </div>
  )
}
