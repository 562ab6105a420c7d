// Background tasks in words.

import type { Status } from './delivery'

export interface Counts {
  total: number | null
  sent: number
  withoutPayload: number
}

/** What a replay has come to, as its task says; null while it has not counted. */
export function counts(data: unknown): Counts {
  const said = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>
  const number = (key: string) => (typeof said[key] === 'number' ? (said[key] as number) : null)
  return { total: number('total'), sent: number('sent') ?? 0, withoutPayload: number('withoutPayload') ?? 0 }
}

const NAMES: Record<string, string> = {
  'endpoint.recover': 'Recover what failed',
  'endpoint.replay': 'Replay what is missing',
  'endpoint.bulk-replay': 'Replay',
  'application.purge_content': 'Delete contents',
  'application.stats': 'Count deliveries',
  'event-type.aggregate': 'Count event types',
}

export function taskName(task: string): string {
  return NAMES[task] ?? task
}

export function isReplay(task: string): boolean {
  return task === 'endpoint.recover' || task === 'endpoint.replay' || task === 'endpoint.bulk-replay'
}

export function taskStatus({ status, paused }: { status: string; paused: boolean }): Status {
  if (status === 'finished') return { tone: 'ok', word: 'Finished' }
  if (status === 'failed') return { tone: 'bad', word: 'Ended early' }
  return paused ? { tone: 'idle', word: 'Paused' } : { tone: 'busy', word: 'Running' }
}
