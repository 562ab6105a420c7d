// Events and attempts the moment they happen. `EventSource` cannot say who asks, so the stream is read by
// fetch; it is begun again where it ended.

import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { theSession } from '../app/session'
import { eventParser } from '../text/sse'
import { credentials } from './client'

export interface LiveMessage {
  id: string
  appId: string
  eventType: string
  timestamp: string
  endpoints: number
}

export interface LiveAttempt {
  id: string
  appId: string
  msgId: string
  endpointId: string
  eventType: string
  timestamp: string
  attempt: number
  status: number
  responseStatusCode: number
  responseDurationMs: number
  triggerType: number
  nextAttempt: string | null
  failure: string | null
  traceId: string | null
}

export type LiveState = 'off' | 'connecting' | 'live' | 'polling'

interface Listener {
  onMessage?: (message: LiveMessage) => void
  onAttempt?: (attempt: LiveAttempt) => void
  /** Something was missed: what is shown has to be asked for anew. */
  onMissed?: () => void
}

const FIRST_PAUSE = 500
const LONGEST_PAUSE = 15_000

/** Reads a stream until the signal ends it; pauses grow while there is no connection. */
export async function follow(
  url: string,
  listener: Listener,
  onState: (state: LiveState) => void,
  signal: AbortSignal,
) {
  let position: string | null = null
  let pause = FIRST_PAUSE
  while (!signal.aborted) {
    onState('connecting')
    try {
      const headers = { ...credentials(theSession()), accept: 'text/event-stream' }
      const from: Record<string, string> = position ? { 'last-event-id': position } : {}
      const response = await fetch(url, { headers: { ...headers, ...from }, signal })
      if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
      const parse = eventParser()
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { value, done } = await reader.read()
        if (done) break
        for (const { event, data, id } of parse(value)) {
          if (id) position = id
          pause = FIRST_PAUSE
          dispatch(event, JSON.parse(data), listener, onState)
        }
      }
    } catch {
      if (!signal.aborted) onState('polling')
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }
}

function dispatch(event: string, data: unknown, listener: Listener, onState: (state: LiveState) => void) {
  if (event === 'ready') {
    onState('live')
    // Unless it goes on where it ended, something may have happened in between.
    if (!(data as { resumed?: boolean }).resumed) listener.onMissed?.()
  } else if (event === 'message') listener.onMessage?.(data as LiveMessage)
  else if (event === 'attempt') listener.onAttempt?.(data as LiveAttempt)
  else if (event === 'missed' || event === 'canceled') listener.onMissed?.()
}

/** Many attempts may come at once; a list is asked for anew at most so often. */
const REFRESH = 400

/** Follows an application while a page shows it, and has queries asked anew when something happened. */
export function useLive(
  app: string,
  keys: readonly string[][],
  options: { endpoint?: string; on: boolean },
): LiveState {
  const queries = useQueryClient()
  const [state, setState] = useState<LiveState>('off')
  const wanted = useRef(keys)
  wanted.current = keys
  const { endpoint, on } = options
  useEffect(() => {
    if (!on || !app) {
      setState('off')
      return
    }
    const control = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const refresh = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        for (const queryKey of wanted.current) queries.invalidateQueries({ queryKey })
      }, REFRESH)
    }
    const query = endpoint ? `?kinds=attempt&endpoint_id=${encodeURIComponent(endpoint)}` : ''
    const url = `/api/v1/app/${encodeURIComponent(app)}/live${query}`
    follow(url, { onMessage: refresh, onAttempt: refresh, onMissed: refresh }, setState, control.signal)
    return () => {
      clearTimeout(timer)
      control.abort()
    }
  }, [app, endpoint, on, queries])
  return state
}
