import { useQuery } from '@tanstack/react-query'
import { ask, client, type Schemas } from '../api/client'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { Scope } from '../app/scope'
import { curl } from '../text/curl'
import { attemptStatus, trigger } from '../text/delivery'
import { milliseconds } from '../text/time'
import { CopyButton, CopyId } from '../ui/copy'
import { Dialog } from '../ui/dialog'
import { Code } from '../ui/json'
import { Answer } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'
import { ResendButton } from './resend'
import { TraceFact } from './trace-fact'

/** Everything about one request: what was sent, what came back, and what to do now. */
export function AttemptDrawer({
  scope,
  msg,
  attempt,
  onClose,
}: {
  scope: Scope
  msg: string
  attempt: string
  onClose: () => void
}) {
  const params = { path: { app_id: scope.app, msg_id: msg, attempt_id: attempt } }
  const query = useQuery({
    queryKey: ['attempt', scope.app, msg, attempt],
    queryFn: async () => {
      const [found, headers, raw] = await Promise.all([
        ask(client.GET('/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}', { params })),
        ask(client.GET('/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers', { params })),
        ask(client.GET('/api/v1/app/{app_id}/msg/{msg_id}/raw', { params })).catch(() => null),
      ])
      return { found, headers, body: raw?.payload ?? null }
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
  return (
    <Dialog title="Delivery attempt" onClose={onClose} drawer>
      <Answer query={query} lines={10}>
        {({ found, headers, body }) => (
          <div className="card-body stack">
            <Facts scope={scope} attempt={found} />
            <div className="row">
              {scope.may('CreateAttempts') && (
                <ResendButton scope={scope} msg={found.msgId} endpoint={found.endpointId} withKey />
              )}
              <CopyButton
                text={curl({
                  method: 'POST',
                  url: found.url,
                  headers: Object.entries(headers.sentHeaders),
                  body,
                })}
              >
                Copy as curl
              </CopyButton>
              <Link className="button small" to={scope.base + path('events', found.msgId)}>
                The event
              </Link>
            </div>
            <section className="stack tight">
              <h3>Answer</h3>
              {found.response ? (
                <Code text={found.response} label="Answer" json />
              ) : (
                <p className="dim">Without a body.</p>
              )}
              {headers.responseHeaders && (
                <Headers title="Answer’s headers" headers={headers.responseHeaders} />
              )}
            </section>
            <section className="stack tight">
              <h3>Request</h3>
              {body === null ? (
                <p className="dim">The content is not kept any more.</p>
              ) : (
                <Code text={body} label="Request body" json />
              )}
              <Headers title="Request’s headers" headers={Object.entries(headers.sentHeaders)} />
              {headers.sensitive.length > 0 && (
                <p className="dim small">Sent, and not kept: {headers.sensitive.join(', ')}</p>
              )}
            </section>
          </div>
        )}
      </Answer>
    </Dialog>
  )
}

const WISHES: Record<string, string> = {
  abort_message: 'End this delivery',
  disable: 'Disable the endpoint',
  gone: 'Gone (410): disable the endpoint',
}

function Facts({ scope, attempt }: { scope: Scope; attempt: Schemas['MessageAttemptOut'] }) {
  return (
    <dl className="facts">
      <dt>Outcome</dt>
      <dd>
        <StatusBadge {...attemptStatus(attempt.status, attempt.responseStatusCode)} />
      </dd>
      <dt>When</dt>
      <dd>
        <Time at={attempt.timestamp} />
      </dd>
      <dt>Took</dt>
      <dd className="num">{milliseconds(attempt.responseDurationMs)}</dd>
      <dt>Asked for</dt>
      <dd>{trigger(attempt.triggerType)}</dd>
      {attempt.receiverWish && (
        <>
          <dt>It asked to</dt>
          <dd>{WISHES[attempt.receiverWish] ?? attempt.receiverWish}</dd>
        </>
      )}
      <dt>URL</dt>
      <dd className="mono">{attempt.url}</dd>
      <dt>Attempt</dt>
      <dd>
        <CopyId value={attempt.id} />
      </dd>
      <dt>Event</dt>
      <dd>
        <CopyId value={attempt.msgId} />
      </dd>
      <TraceFact traceId={attempt.traceId} />
      <dt>Endpoint</dt>
      <dd>
        <span className="row one-line">
          <Link className="mono small cut" to={scope.base + path('endpoints', attempt.endpointId)}>
            {attempt.endpointId}
          </Link>
          <CopyId value={attempt.endpointId} bare />
        </span>
      </dd>
    </dl>
  )
}

function Headers({ title, headers }: { title: string; headers: unknown[] }) {
  const pairs = headers.filter((pair): pair is [string, string] => Array.isArray(pair))
  return (
    <details className="headers">
      <summary>
        {title} <span className="dim">({pairs.length})</span>
      </summary>
      <dl className="facts mono small">
        {pairs.map(([name, value], index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a header may come twice, and none of them moves
          <div key={index} className="fact-row">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
