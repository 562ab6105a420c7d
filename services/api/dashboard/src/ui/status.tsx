import { CircleAlert, CircleCheck, CircleDashed, CirclePause, Clock } from 'lucide-react'
import type { Status } from '../text/delivery'

const SHAPES = { ok: CircleCheck, bad: CircleAlert, wait: Clock, idle: CirclePause, busy: CircleDashed }

/** A status as a colour, a shape and a word. */
export function StatusBadge({ tone, word }: Status) {
  const Shape = SHAPES[tone]
  return (
    <span className={`status ${tone}`}>
      <Shape size={13} aria-hidden="true" />
      {word}
    </span>
  )
}
