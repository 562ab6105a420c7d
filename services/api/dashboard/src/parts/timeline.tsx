import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { useLive } from '../api/live'
import { Link } from '../app/link'
import { usePlace } from '../app/location'
import { path } from '../app/match'
import type { Scope } from '../app/scope'
import { attemptStatus, deliveryStatus } from '../text/delivery'
import { counted } from '../text/number'
import { milliseconds } from '../text/time'
import { Answer, Card, Empty, Failure } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'
import { ResendButton } from './resend'

type Message = Schemas['MessageOut']
type Attempt = Schemas['MessageAttemptOut']
type Explained = Schemas['ExplainedEndpointOut']

const LANES = 50
const ATTEMPTS = 250
/** While something may still happen, and afterwards; what happens meanwhile comes by the live stream. */
const [LIVELY, CALM] = [3_000, 30_000]

/** What became of an event: received, decided, and a lane for each endpoint with its attempts. */
export function Timeline({ scope, event }: { scope: Scope; event: Message }) {
  const [cursor, setCursor] = useState<string>()
  const at = { app_id: scope.app, msg_id: event.id }
  const key = ['event', scope.app, event.id, 'lanes']
  useLive(scope.app, [key], { on: true })
  const query = useQuery({
    queryKey: [...key, cursor],
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const [endpoints, attempts] = await Promise.all([
        explained(at, { receivers: true, iterator: cursor }),
        ask(
          client.GET('/api/v1/app/{app_id}/attempt/msg/{msg_id}', {
            params: { path: at, query: { limit: ATTEMPTS, with_content: false } },
          }),
        ),
      ])
      return { endpoints, attempts: attempts.data }
    },
    refetchInterval: ({ state }) => {
      const waits = state.data?.endpoints.data.some(
        ({ delivery }) => delivery && [1, 3].includes(delivery.status),
      )
      return waits || isYoung(event) ? LIVELY : CALM
    },
  })
  return (
    <Card title="Timeline" body={false}>
      <Answer query={query}>
        {({ endpoints, attempts }) => (
          <>
            <Beginning event={event} lanes={endpoints.data} complete={endpoints.done && !cursor} />
            {endpoints.data.map((endpoint) => (
              <Lane
                key={endpoint.endpointId}
                scope={scope}
                event={event}
                endpoint={endpoint}
                attempts={attempts.filter((attempt) => attempt.endpointId === endpoint.endpointId)}
              />
            ))}
            <Pages page={endpoints} cursor={cursor} go={setCursor} />
            <Others scope={scope} event={event} lonely={endpoints.data.length === 0 && !cursor} />
          </>
        )}
      </Answer>
    </Card>
  )
}

/** A page of the endpoints that an event went to, or of the others. */
function explained(
  path: { app_id: string; msg_id: string },
  query: { receivers: boolean; iterator: string | undefined },
) {
  return ask(
    client.GET('/api/v1/app/{app_id}/msg/{msg_id}/explain', {
      params: { path, query: { limit: LANES, ...query } },
    }),
  )
}

/** Whether something may still be decided about it. */
function isYoung(event: Message): boolean {
  return Date.now() - Date.parse(event.timestamp) < 30_000
}

function Pages({
  page,
  cursor,
  go,
}: {
  page: { done: boolean; iterator?: string | null }
  cursor: string | undefined
  go: (cursor: string | undefined) => void
}) {
  if (page.done && !cursor) return null
  return (
    <div className="pager">
      <button type="button" className="button small" disabled={!cursor} onClick={() => go(undefined)}>
        First endpoints
      </button>
      <button
        type="button"
        className="button small"
        disabled={page.done}
        onClick={() => go(page.iterator ?? undefined)}
      >
        More endpoints
      </button>
    </div>
  )
}

function Beginning({ event, lanes, complete }: { event: Message; lanes: Explained[]; complete: boolean }) {
  const decidedAt = lanes.find((lane) => lane.decidedAt)?.decidedAt
  return (
    <ol className="timeline">
      <li>
        <span className="dot ok" />
        <div>
          Received <Time at={event.timestamp} />
        </div>
      </li>
      <li>
        <span className={lanes.length > 0 ? 'dot ok' : 'dot'} />
        <div>
          {lanes.length > 0
            ? `Goes to ${counted(lanes.length, 'endpoint')}${complete ? '' : ' of those shown'}`
            : 'Goes to no endpoint'}{' '}
          {decidedAt && <Time at={decidedAt} />}
        </div>
      </li>
    </ol>
  )
}

/** Who does not get the event, and why not; `lonely` when nobody else gets it either. */
function Others({ scope, event, lonely }: { scope: Scope; event: Message; lonely: boolean }) {
  const [cursor, setCursor] = useState<string>()
  const query = useQuery({
    queryKey: ['event', scope.app, event.id, 'lanes', 'others', cursor],
    placeholderData: keepPreviousData,
    queryFn: () => explained({ app_id: scope.app, msg_id: event.id }, { receivers: false, iterator: cursor }),
    refetchInterval: () => (isYoung(event) ? LIVELY : false),
  })
  const { data: page } = query
  if (!page) return query.error ? <Failure error={query.error} retry={() => query.refetch()} /> : null
  if (page.data.length === 0 && !cursor) {
    if (!lonely) return null
    return <Empty title="There are no endpoints">This application had none to deliver the event to.</Empty>
  }
  const more = cursor !== undefined || !page.done
  return (
    <details className="lane others" open={lonely || undefined}>
      <summary>
        Not delivered to {more ? 'many endpoints' : counted(page.data.length, 'endpoint')}{' '}
        <span className="dim">– why?</span>
      </summary>
      <ul className="stack tight">
        {page.data.map((endpoint) => (
          <li key={endpoint.endpointId} className="two-lines">
            {endpoint.deleted ? (
              <span className="cut">{endpoint.url ?? endpoint.endpointId}</span>
            ) : (
              <Link className="row-link cut" to={scope.base + path('endpoints', endpoint.endpointId)}>
                {endpoint.url ?? endpoint.endpointId}
              </Link>
            )}
            <span className="dim small">{endpoint.text}</span>
          </li>
        ))}
      </ul>
      <Pages page={page} cursor={cursor} go={setCursor} />
    </details>
  )
}

function Lane({
  scope,
  event,
  endpoint,
  attempts,
}: {
  scope: Scope
  event: Message
  endpoint: Explained
  attempts: Attempt[]
}) {
  const { path: here } = usePlace()
  const inOrder = [...attempts].sort((a, b) => a.timestamp.localeCompare(b.timestamp))
  const { delivery } = endpoint
  return (
    <section className="lane">
      <div className="row apart">
        <div className="two-lines">
          <h3>
            <Link className="row-link cut" to={scope.base + path('endpoints', endpoint.endpointId)}>
              {endpoint.url ?? endpoint.endpointId}
            </Link>
          </h3>
          <span className="dim small">{endpoint.description || endpoint.text}</span>
        </div>
        <div className="row">
          {delivery && <StatusBadge {...deliveryStatus(delivery.status)} />}
          {scope.may('CreateAttempts') && !endpoint.deleted && (
            <ResendButton scope={scope} msg={event.id} endpoint={endpoint.endpointId} />
          )}
        </div>
      </div>
      <ol className="attempts">
        {inOrder.map((attempt, index) => (
          <li key={attempt.id}>
            <Link data-row className="row-link" to={`${here}?msg=${event.id}&attempt=${attempt.id}`}>
              <span className="num dim">{index + 1}</span>
              <StatusBadge {...attemptStatus(attempt.status, attempt.responseStatusCode)} />
            </Link>
            <span className="dim small num">{milliseconds(attempt.responseDurationMs)}</span>
            {attempt.triggerType === 1 && <span className="dim small">by hand</span>}
            <Time at={attempt.timestamp} />
          </li>
        ))}
        {delivery?.nextAttempt && (delivery.status === 3 || delivery.status === 1) && (
          <li>
            <span className="dim">
              Next attempt <Time at={delivery.nextAttempt} />
            </span>
          </li>
        )}
        {delivery?.cancelReason && (
          <li>
            <span className="dim">{endpoint.text}</span>
          </li>
        )}
      </ol>
    </section>
  )
}
