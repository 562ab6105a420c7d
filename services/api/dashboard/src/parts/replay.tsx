import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import type { Scope } from '../app/scope'
import { Field, TextField } from '../ui/field'
import { Card, Failure } from '../ui/page'
import { Segments } from '../ui/segments'
import { ReplayTask } from './replay-task'

type Kind = 'recover' | 'missing' | 'all'
const KINDS: [Kind, string][] = [
  ['recover', 'What failed'],
  ['missing', 'What it never got'],
  ['all', 'Everything'],
]
const ABOUT: Record<Kind, string> = {
  recover: 'Events whose delivery to this endpoint failed for good.',
  missing: 'Events that were never sent to this endpoint, although it wants their type now.',
  all: 'All events for this endpoint, also those that arrived. It gets them once more, with the same ids.',
}
const SPANS: [string, string][] = [
  ['1', 'the last hour'],
  ['24', 'the last 24 hours'],
  ['72', 'the last 3 days'],
  ['168', 'the last 7 days'],
  ['336', 'the last 14 days'],
]

/** Delivers old events once more: it counts them first, and begins when somebody has seen the count. */
export function Replay({ scope, endpoint }: { scope: Scope; endpoint: Schemas['EndpointOut'] }) {
  const [kind, setKind] = useState<Kind>('recover')
  const [hours, setHours] = useState('24')
  const [types, setTypes] = useState('')
  const count = useMutation({
    mutationFn: () => {
      const params = { path: { app_id: scope.app, endpoint_id: endpoint.id } }
      const since = new Date(Date.now() - Number(hours) * 3_600_000 + 1000).toISOString()
      const body = { since, preview: true }
      const base = '/api/v1/app/{app_id}/endpoint/{endpoint_id}' as const
      if (kind === 'recover') return ask(client.POST(`${base}/recover`, { params, body }))
      if (kind === 'missing') return ask(client.POST(`${base}/replay-missing`, { params, body }))
      const named = types.split(/[\s,]+/).filter((type) => type !== '')
      const eventTypes = named.length > 0 ? named : null
      return ask(client.POST(`${base}/bulk-replay`, { params, body: { ...body, eventTypes } }))
    },
  })
  return (
    <Card title="Deliver old events once more">
      <div className="stack">
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault()
            count.mutate()
          }}
        >
          <Segments label="Which events" options={KINDS} value={kind} onChange={setKind} />
          <p className="dim">{ABOUT[kind]}</p>
          <Field label="Accepted in">
            {(given) => (
              <select
                {...given}
                className="select narrow"
                value={hours}
                onChange={(event) => setHours(event.target.value)}
              >
                {SPANS.map(([value, text]) => (
                  <option key={value} value={value}>
                    {text}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {kind === 'all' && (
            <TextField
              label="Event types"
              hint="Separated by commas. Empty: all."
              mono
              value={types}
              onChange={setTypes}
            />
          )}
          {count.error && <Failure error={count.error} />}
          <div>
            <button type="submit" className="button primary" disabled={count.isPending}>
              Count them
            </button>
          </div>
        </form>
        {count.data && <ReplayTask key={count.data.id} id={count.data.id} />}
      </div>
    </Card>
  )
}
