import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { ApiError } from '../api/error'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { Scope } from '../app/scope'
import { attempts, readWaits, scheduleInWords, wait, waitsText } from '../text/schedule'
import { TextField } from '../ui/field'
import { Answer, Card, Failure } from '../ui/page'
import { toast } from '../ui/toast'

type Schedules = Schemas['EndpointScheduleOut']

/** The attempts of a schedule: in a sentence, and one by one. */
export function Schedule({ waits }: { waits: number[] }) {
  return (
    <div className="stack tight">
      <span>{scheduleInWords(waits)}</span>
      {waits.length > 0 && <span className="dim small">After {waits.map(wait).join(', then ')}.</span>}
      {waits.length > 0 && (
        <details className="schedule">
          <summary>When each of them is</summary>
          <table className="table plain">
            <thead>
              <tr>
                <th scope="col">Attempt</th>
                <th scope="col">After the one before</th>
                <th scope="col">After the first</th>
              </tr>
            </thead>
            <tbody>
              {attempts(waits).map(({ number, after, at }) => (
                <tr key={number}>
                  <td className="num">{number}</td>
                  <td className="num">{number === 1 ? 'At once' : wait(after)}</td>
                  <td className="num">{number === 1 ? '–' : wait(at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </div>
  )
}

/** What people write for the waits, with what comes of it. */
export function WaitsField({
  value,
  onChange,
  hint,
  problem,
}: {
  value: string
  onChange: (value: string) => void
  hint: string
  problem?: string
}) {
  return (
    <TextField
      label="Waits between attempts"
      hint={hint}
      problem={problem}
      mono
      placeholder="5 s, 2 min, 30 min, 4 h"
      value={value}
      onChange={onChange}
    />
  )
}

/** When an endpoint is asked again after a failure: by which schedule, and a form for its own. */
export function RetrySchedule({
  scope,
  endpoint,
  editable,
}: {
  scope: Scope
  endpoint: string
  editable: boolean
}) {
  const params = { path: { app_id: scope.app, endpoint_id: endpoint } }
  const query = useQuery({
    queryKey: ['schedule', scope.app, endpoint],
    queryFn: () => ask(client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/retry-schedule', { params })),
  })
  return (
    <Card title="Retry schedule" body={false}>
      <Answer query={query} lines={3}>
        {(schedules) => (
          <div className="card-body stack">
            <Applies scope={scope} schedules={schedules} />
            {editable && (
              <OwnForm
                key={JSON.stringify(schedules.retrySchedule)}
                params={params}
                own={schedules.retrySchedule}
              />
            )}
          </div>
        )}
      </Answer>
    </Card>
  )
}

/** Which schedule holds for which events. */
function Applies({ scope, schedules }: { scope: Scope; schedules: Schedules }) {
  const { retrySchedule: own, serverSchedule: server, eventTypes: types } = schedules
  if (own) {
    return (
      <dl className="facts">
        <dt>Its own</dt>
        <dd>
          <Schedule waits={own} />
        </dd>
      </dl>
    )
  }
  const base = scope.portal ? '/portal' : ''
  return (
    <dl className="facts">
      {types.map(({ name, retrySchedule }) => (
        <TypeFact key={name} name={name} to={base + path('event-types', name)} waits={retrySchedule} />
      ))}
      {schedules.moreEventTypes && (
        <>
          <dt>More event types</dt>
          <dd className="dim">have schedules of their own.</dd>
        </>
      )}
      <dt>{types.length > 0 ? 'Other event types' : 'The server’s'}</dt>
      <dd>
        {server ? (
          <Schedule waits={server} />
        ) : (
          <span className="dim">As the server is set; no sender says how at the moment.</span>
        )}
      </dd>
    </dl>
  )
}

function TypeFact({ name, to, waits }: { name: string; to: string; waits: number[] }) {
  return (
    <>
      <dt className="mono">
        <Link to={to}>{name}</Link>
      </dt>
      <dd>
        <Schedule waits={waits} />
      </dd>
    </>
  )
}

function OwnForm({
  params,
  own,
}: {
  params: { path: { app_id: string; endpoint_id: string } }
  own: number[] | null | undefined
}) {
  const queries = useQueryClient()
  const [text, setText] = useState(waitsText(own))
  const save = useMutation({
    mutationFn: (waits: number[] | null) =>
      ask(
        client.PUT('/api/v1/app/{app_id}/endpoint/{endpoint_id}/retry-schedule', {
          params,
          body: { retrySchedule: waits },
        }),
      ),
    onSuccess: (now) => {
      queries.setQueryData(['schedule', params.path.app_id, params.path.endpoint_id], now)
      toast(
        'ok',
        now.retrySchedule ? 'The schedule was saved.' : 'The endpoint has no schedule of its own any more.',
      )
    },
  })
  let waits: number[] | null = null
  let readable = true
  let problem = save.error instanceof ApiError ? save.error.problem('retrySchedule') : undefined
  try {
    waits = readWaits(text)
  } catch (error) {
    readable = false
    problem = error instanceof Error ? error.message : String(error)
  }
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault()
        if (readable) save.mutate(waits)
      }}
    >
      <WaitsField
        hint={
          waits
            ? `${scheduleInWords(waits)} Each wait may be a tenth shorter or longer.`
            : 'For this endpoint alone, whatever the type of an event says. “none”: no retries. Empty: none of its own.'
        }
        problem={problem}
        value={text}
        onChange={(text) => {
          setText(text)
          save.reset()
        }}
      />
      {save.error && !problem && <Failure error={save.error} />}
      <div className="row">
        <button type="submit" className="button primary" disabled={save.isPending}>
          Save schedule
        </button>
        {own && (
          <button
            type="button"
            className="button quiet"
            disabled={save.isPending}
            onClick={() => save.mutate(null)}
          >
            Take its own away
          </button>
        )}
      </div>
    </form>
  )
}
