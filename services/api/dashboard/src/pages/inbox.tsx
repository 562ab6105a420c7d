import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Inbox } from 'lucide-react'
import { ask, client, isNotFound, type Schemas } from '../api/client'
import { inWords } from '../api/error'
import { PAGE } from '../api/queries'
import { Link } from '../app/link'
import { navigate } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import type { Status } from '../text/delivery'
import { bytes } from '../text/number'
import { CopyId } from '../ui/copy'
import { Code } from '../ui/json'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'
import { toast } from '../ui/toast'

type Request = Schemas['InboxRequestOut']

const POLL = 1_500
const SIGNATURES: Record<string, Status> = {
  valid: { tone: 'ok', word: 'Signature valid' },
  invalid: { tone: 'bad', word: 'Signature wrong' },
  missing: { tone: 'idle', word: 'Not signed' },
  unknown: { tone: 'idle', word: 'Signature not checked' },
}

export default function InboxPage({ params }: PageProps) {
  const scope = useScope(params)
  const id = params.inbox ?? ''
  const cursor = useCursor()
  const at = { app_id: scope.app, inbox_id: id }
  const crumbs = [{ text: 'Inboxes', to: `${scope.base}/inboxes` }]
  const inbox = useQuery({
    queryKey: ['inbox', scope.app, id],
    queryFn: () => ask(client.GET('/api/v1/app/{app_id}/inbox/{inbox_id}', { params: { path: at } })),
  })
  const requests = useQuery({
    queryKey: ['inbox', scope.app, id, 'requests', cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/inbox/{inbox_id}/request', {
          params: { path: at, query: { limit: PAGE, iterator: cursor } },
        }),
      ),
    refetchInterval: POLL,
  })
  if (isNotFound(inbox.error)) {
    return (
      <>
        <PageHead title="Inbox" crumbs={crumbs} />
        <Card>
          <Empty title="There is no such inbox">It has ended, or was deleted.</Empty>
        </Card>
      </>
    )
  }
  return (
    <Answer query={inbox}>
      {(inbox) => (
        <>
          <PageHead
            title={inbox.name}
            crumbs={crumbs}
            about={
              <span className="row">
                <CopyId value={inbox.url} />
                <span>
                  answers {inbox.answer.status}, ends <Time at={inbox.expiresAt} />
                </span>
              </span>
            }
          >
            {scope.may('ManageEndpoint') && <Actions scope={scope} id={id} />}
          </PageHead>
          <Answer query={requests}>
            {(list) =>
              list.data.length === 0 ? (
                <Card>
                  <Empty icon={<Inbox size={26} />} title="Waiting for the first request">
                    They appear here when they come in. An endpoint with this URL gets events as any other
                    does.
                  </Empty>
                </Card>
              ) : (
                <div className="stack">
                  {list.data.map((request, index) => (
                    <Received key={request.id} scope={scope} request={request} open={index === 0} />
                  ))}
                  <Pager page={list} noun="requests" />
                </div>
              )
            }
          </Answer>
        </>
      )}
    </Answer>
  )
}

function Actions({ scope, id }: { scope: Scope; id: string }) {
  const queries = useQueryClient()
  const params = { path: { app_id: scope.app, inbox_id: id } }
  const empty = useMutation({
    mutationFn: () => ask(client.DELETE('/api/v1/app/{app_id}/inbox/{inbox_id}/request', { params })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['inbox', scope.app, id] }),
    onError: (error) => toast('bad', inWords(error)),
  })
  const remove = useMutation({
    mutationFn: () => ask(client.DELETE('/api/v1/app/{app_id}/inbox/{inbox_id}', { params })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['inboxes', scope.app] })
      navigate(`${scope.base}/inboxes`)
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <>
      <button type="button" className="button" onClick={() => empty.mutate()}>
        Empty it
      </button>
      <button type="button" className="button danger" onClick={() => remove.mutate()}>
        Delete inbox
      </button>
    </>
  )
}

function Received({ scope, request, open }: { scope: Scope; request: Request; open: boolean }) {
  const signature = SIGNATURES[request.signature.state] ?? {
    tone: 'idle' as const,
    word: request.signature.state,
  }
  return (
    <details className="card request" open={open}>
      <summary>
        <strong className="mono small">{request.method}</strong>
        <StatusBadge {...signature} />
        <span className="dim small num">
          answered {request.answered} · {bytes(request.sizeBytes)}
        </span>
        <Time at={request.timestamp} />
      </summary>
      <div className="card-body stack">
        <p className="dim small">{request.signature.detail}</p>
        {request.body ? (
          <Code text={request.body} label="Body" json />
        ) : (
          <p className="dim">{request.sizeBytes > 0 ? 'The body is no text.' : 'Without a body.'}</p>
        )}
        {request.truncated && <p className="dim small">Only its beginning is kept.</p>}
        <dl className="facts mono small">
          {request.headers.map(([name, value], index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a header may come twice, and none of them moves
            <div key={index} className="fact-row">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {request.msgId && (
          <div>
            <Link className="button small" to={scope.base + path('events', request.msgId)}>
              The event
            </Link>
          </div>
        )}
      </div>
    </details>
  )
}
