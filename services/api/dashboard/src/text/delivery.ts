// Statuses of deliveries and attempts in words. Numbers are those of the API.

export type Tone = 'ok' | 'bad' | 'wait' | 'idle' | 'busy'

export interface Status {
  tone: Tone
  word: string
}

const STATUSES: Record<number, Status> = {
  0: { tone: 'ok', word: 'Delivered' },
  1: { tone: 'busy', word: 'On its way' },
  2: { tone: 'bad', word: 'Failed' },
  3: { tone: 'wait', word: 'Retrying' },
  4: { tone: 'idle', word: 'Cancelled' },
}

export function deliveryStatus(status: number): Status {
  return STATUSES[status] ?? { tone: 'idle', word: `Status ${status}` }
}

export function attemptStatus(status: number, code: number): Status {
  const known = status === 0 ? { tone: 'ok' as Tone, word: 'Succeeded' } : deliveryStatus(status)
  return code > 0 ? { ...known, word: `${known.word} · ${code}` } : known
}

export interface EndpointState {
  disabled: boolean
  autoDisabled?: { reason: string } | null | undefined
}

export function endpointStatus({ disabled, autoDisabled }: EndpointState): Status {
  if (disabled && autoDisabled) return { tone: 'bad', word: 'Disabled automatically' }
  if (disabled) return { tone: 'idle', word: 'Paused' }
  return { tone: 'ok', word: 'Active' }
}

export function trigger(type: number): string {
  return type === 1 ? 'by hand' : 'by schedule'
}
