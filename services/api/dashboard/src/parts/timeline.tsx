import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { Link } from '../app/link'
import { usePlace } from '../app/location'
import { path } from '../app/match'
import type { Scope } from '../app/scope'
import { attemptStatus, deliveryStatus } from '../text/delivery'
import { counted } from '../text/number'
import { milliseconds } from '../text/time'
import { Answer, Card, Empty } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'
import { ResendButton } from './resend'

type Message = Schemas['MessageOut']
type Attempt = Schemas['MessageAttemptOut']
type Destination = Schemas['MessageEndpointOut']

const LANES = 50
const ATTEMPTS = 250
/** While something may still happen, and afterwards. */
const [LIVELY, CALM] = [2_000, 20_000]

/** What became of an event: received, decided, and a lane for each endpoint with its attempts. */
export function Timeline({ scope, event }: { scope: Scope; event: Message }) {
  const [cursor, setCursor] = useState<string>()
  const at = { app_id: scope.app, msg_id: event.id }
  const query = useQuery({
    queryKey: ['event', scope.app, event.id, 'lanes', cursor],
    queryFn: async () => {
      const [destinations, attempts] = await Promise.all([
        ask(
          client.GET('/api/v1/app/{app_id}/msg/{msg_id}/endpoint', {
            params: { path: at, query: { limit: LANES, iterator: cursor } },
          }),
        ),
        ask(
          client.GET('/api/v1/app/{app_id}/attempt/msg/{msg_id}', {
            params: { path: at, query: { limit: ATTEMPTS, with_content: false } },
          }),
        ),
      ])
      return { destinations, attempts: attempts.data }
    },
    refetchInterval: ({ state }) => {
      const waits = state.data?.destinations.data.some((one) => one.status === 1 || one.status === 3)
      const young = Date.now() - Date.parse(event.timestamp) < 60_000
      return waits || young ? LIVELY : CALM
    },
  })
  return (
    <Card title="Timeline" body={false}>
      <Answer query={query}>
        {({ destinations, attempts }) => (
          <>
            <ol className="timeline">
              <li>
                <span className="dot ok" />
                <div>
                  Received <Time at={event.timestamp} />
                </div>
              </li>
              <li>
                <span className={destinations.data.length > 0 ? 'dot ok' : 'dot idle'} />
                <div>
                  {destinations.data.length > 0
                    ? `Goes to ${counted(destinations.data.length, 'endpoint')}${destinations.done ? '' : ' and more'}`
                    : 'No endpoint gets it, so far'}
                </div>
              </li>
            </ol>
            {destinations.data.length === 0 && (
              <Empty title="No endpoint matched">
                An endpoint gets an event if it is active and wants its type and channel.
              </Empty>
            )}
            {destinations.data.map((destination) => (
              <Lane
                key={destination.id}
                scope={scope}
                event={event}
                destination={destination}
                attempts={attempts.filter((attempt) => attempt.endpointId === destination.id)}
              />
            ))}
            {(cursor || !destinations.done) && (
              <div className="pager">
                <button
                  type="button"
                  className="button small"
                  disabled={!cursor}
                  onClick={() => setCursor(undefined)}
                >
                  First endpoints
                </button>
                <button
                  type="button"
                  className="button small"
                  disabled={destinations.done}
                  onClick={() => setCursor(destinations.iterator ?? undefined)}
                >
                  More endpoints
                </button>
              </div>
            )}
          </>
        )}
      </Answer>
    </Card>
  )
}

function Lane({
  scope,
  event,
  destination,
  attempts,
}: {
  scope: Scope
  event: Message
  destination: Destination
  attempts: Attempt[]
}) {
  const { path: here } = usePlace()
  const inOrder = [...attempts].sort((a, b) => a.timestamp.localeCompare(b.timestamp))
  return (
    <section className="lane">
      <div className="row apart">
        <div className="two-lines">
          <h3>
            <Link className="row-link cut" to={scope.base + path('endpoints', destination.id)}>
              {destination.url}
            </Link>
          </h3>
          {destination.description && <span className="dim small cut">{destination.description}</span>}
        </div>
        <div className="row">
          <StatusBadge {...deliveryStatus(destination.status)} />
          {scope.may('CreateAttempts') && (
            <ResendButton scope={scope} msg={event.id} endpoint={destination.id} />
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
        {destination.nextAttempt && (destination.status === 3 || destination.status === 1) && (
          <li>
            <span className="dim">
              Next attempt <Time at={destination.nextAttempt} />
            </span>
          </li>
        )}
      </ol>
    </section>
  )
}
