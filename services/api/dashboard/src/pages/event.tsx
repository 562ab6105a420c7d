import { useQuery } from '@tanstack/react-query'
import { ask, client, isNotFound } from '../api/client'
import { Link } from '../app/link'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { OpenAttempt } from '../parts/deliveries'
import { Timeline } from '../parts/timeline'
import { TraceFact } from '../parts/trace-fact'
import { curl } from '../text/curl'
import { bytes } from '../text/number'
import { CopyButton, CopyId } from '../ui/copy'
import { Code } from '../ui/json'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Time } from '../ui/time'

export default function EventPage({ params }: PageProps) {
  const scope = useScope(params)
  const id = params.event ?? ''
  const crumbs = [{ text: 'Events', to: `${scope.base}/events` }]
  const query = useQuery({
    queryKey: ['event', scope.app, id],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/msg/{msg_id}', {
          params: {
            path: { app_id: scope.app, msg_id: id },
            query: { with_content: false, with_trace: true },
          },
        }),
      ),
  })
  if (isNotFound(query.error)) {
    return (
      <>
        <PageHead title="Event" crumbs={crumbs} />
        <Card>
          <Empty title="There is no such event">
            History does not keep it any more, or it belongs to another application.
          </Empty>
        </Card>
      </>
    )
  }
  return (
    <Answer query={query}>
      {(event) => (
        <>
          <PageHead
            title={<span className="mono">{event.eventType}</span>}
            name={event.eventType}
            crumbs={crumbs}
            about={
              <span className="row">
                <CopyId value={event.id} />
                <span>
                  accepted <Time at={event.timestamp} />
                </span>
              </span>
            }
          />
          <div className="with-aside">
            <div className="stack">
              <Timeline scope={scope} event={event} />
              <Payload scope={scope} event={event.id} type={event.eventType} />
            </div>
            <aside className="stack">
              <Card title="Facts" body={false}>
                <dl className="facts card-body">
                  <dt>Event type</dt>
                  <dd className="mono small">
                    <Link
                      to={
                        scope.portal
                          ? `/portal/event-types/${encodeURIComponent(event.eventType)}`
                          : `/event-types/${encodeURIComponent(event.eventType)}`
                      }
                    >
                      {event.eventType}
                    </Link>
                  </dd>
                  <dt>Producer’s id</dt>
                  <dd>{event.eventId ? <CopyId value={event.eventId} /> : <span className="dim">–</span>}</dd>
                  <dt>Channels</dt>
                  <dd>{event.channels?.join(', ') || <span className="dim">–</span>}</dd>
                  <dt>Tags</dt>
                  <dd>{event.tags?.join(', ') || <span className="dim">–</span>}</dd>
                  <TraceFact traceId={event.traceId} />
                  {event.deliverAt && (
                    <>
                      <dt>Deliver at</dt>
                      <dd>
                        <Time at={event.deliverAt} />
                      </dd>
                    </>
                  )}
                  {event.expiresAt && (
                    <>
                      <dt>Expires</dt>
                      <dd>
                        <Time at={event.expiresAt} />
                      </dd>
                    </>
                  )}
                </dl>
              </Card>
            </aside>
          </div>
          <OpenAttempt scope={scope} />
        </>
      )}
    </Answer>
  )
}

function Payload({ scope, event, type }: { scope: Scope; event: string; type: string }) {
  const query = useQuery({
    queryKey: ['payload', scope.app, event],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/msg/{msg_id}/raw', {
          params: { path: { app_id: scope.app, msg_id: event } },
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  const payload = query.data?.payload
  const publish = (body: string) =>
    curl({
      method: 'POST',
      url: `${window.location.origin}/api/v1/app/${scope.app}/msg`,
      headers: [
        ['authorization', 'Bearer …'],
        ['content-type', 'application/json'],
      ],
      body: `{"eventType":${JSON.stringify(type)},"payload":${body}}`,
    })
  const actions = payload !== undefined && (
    <>
      <span className="dim small num">{bytes(new TextEncoder().encode(payload).length)}</span>
      {!scope.portal && <CopyButton text={publish(payload)}>Copy as curl</CopyButton>}
    </>
  )
  return (
    <Card title="Payload" actions={actions}>
      {isNotFound(query.error) ? (
        <p className="dim">The content is not kept any more.</p>
      ) : (
        <Answer query={query}>{(raw) => <Code text={raw.payload} label="Payload" json />}</Answer>
      )}
    </Card>
  )
}
