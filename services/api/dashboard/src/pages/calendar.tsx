import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { CalendarClock, Zap } from 'lucide-react'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { inWords } from '../api/error'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { count, counted } from '../text/number'
import { BarChart, type Series } from '../ui/bar-chart'
import { Confirm } from '../ui/dialog'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'
import { toast } from '../ui/toast'

type Waiting = Schemas['WaitingOut']
type WaitingEndpoint = Waiting['endpoints'][number]

const SERIES: Series<'count'>[] = [{ key: 'count', label: 'Deliveries that come due', tone: 'wait' }]
const POLL = 5_000

/** What waits for its next attempt, over the 48 hours that any delivery may take. */
export default function Calendar({ params }: PageProps) {
  const scope = useScope(params)
  const query = useQuery({
    queryKey: ['waiting', scope.app],
    queryFn: () =>
      scope.app
        ? ask(client.GET('/api/v1/app/{app_id}/waiting', { params: { path: { app_id: scope.app } } }))
        : ask(client.GET('/api/v1/waiting')),
    refetchInterval: POLL,
  })
  return (
    <>
      <PageHead
        title="Retry calendar"
        about="Deliveries that failed and will be tried again, by when they come due in the next 48 hours."
      />
      <Answer query={query} lines={8}>
        {(waiting) =>
          waiting.total === 0 ? (
            <Card>
              <Empty icon={<CalendarClock size={26} />} title="Nothing waits">
                Every delivery has arrived, or has ended.
              </Empty>
            </Card>
          ) : (
            <div className="stack">
              <Card
                title={`${counted(waiting.total, 'delivery', 'deliveries')} waiting`}
                actions={
                  waiting.pastDue > 0 ? (
                    <StatusBadge tone="bad" word={`${count(waiting.pastDue)} past due`} />
                  ) : (
                    <StatusBadge tone="ok" word="None past due" />
                  )
                }
              >
                <BarChart
                  label="Deliveries that come due, by hour"
                  series={SERIES}
                  buckets={waiting.buckets.map(({ at, count }) => ({ at, values: { count } }))}
                  bucketSeconds={waiting.bucketSeconds}
                />
                {waiting.later > 0 && <p className="dim small">{count(waiting.later)} come due later.</p>}
              </Card>
              <Endpoints scope={scope} waiting={waiting} />
            </div>
          )
        }
      </Answer>
    </>
  )
}

function Endpoints({ scope, waiting }: { scope: Scope; waiting: Waiting }) {
  const [releasing, setReleasing] = useState<WaitingEndpoint[] | null>(null)
  const ready = waiting.endpoints.filter((endpoint) => !endpoint.disabled)
  const all = scope.may('ManageEndpoint') && ready.length > 0 && (
    <button type="button" className="button small" onClick={() => setReleasing(ready)}>
      <Zap size={13} aria-hidden="true" /> Deliver all due now
    </button>
  )
  return (
    <Card title="By endpoint" body={false} actions={all}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Endpoint</th>
            <th scope="col" className="right">
              Waiting
            </th>
            <th scope="col">Next attempt</th>
            <th scope="col">Last of them</th>
            <th scope="col">
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {waiting.endpoints.map((endpoint) => (
            <tr key={endpoint.endpointId}>
              <td data-label="Endpoint" className="wide">
                <div className="two-lines">
                  <Link
                    data-row
                    className="row-link cut"
                    to={
                      (scope.app ? scope.base : path('apps', endpoint.appId)) +
                      path('endpoints', endpoint.endpointId)
                    }
                  >
                    {endpoint.url ?? endpoint.endpointId}
                  </Link>
                  <span className="dim small cut">
                    {endpoint.disabled ? 'Paused: it gets nothing for now. ' : ''}
                    {endpoint.description}
                  </span>
                </div>
              </td>
              <td data-label="Waiting" className="right num">
                {count(endpoint.count)}
                {endpoint.pastDue > 0 && (
                  <span className="dim small"> ({count(endpoint.pastDue)} past due)</span>
                )}
              </td>
              <td data-label="Next attempt">
                <Time at={endpoint.nextAttemptAt} />
              </td>
              <td data-label="Last of them">
                <Time at={endpoint.lastAttemptAt} />
              </td>
              <td className="right">
                {scope.may('ManageEndpoint') && !endpoint.disabled && (
                  <button type="button" className="button small" onClick={() => setReleasing([endpoint])}>
                    Deliver now
                    <span className="hidden-text"> to {endpoint.url}</span>
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {waiting.moreEndpoints && (
        <p className="card-foot dim small">
          Only the {count(waiting.endpoints.length)} endpoints with most are shown.
        </p>
      )}
      {releasing && <Release endpoints={releasing} onClose={() => setReleasing(null)} />}
    </Card>
  )
}

/** Makes everything due that waits for some endpoints. */
function Release({ endpoints, onClose }: { endpoints: WaitingEndpoint[]; onClose: () => void }) {
  const queries = useQueryClient()
  const sum = endpoints.reduce((sum, endpoint) => sum + endpoint.count, 0)
  const release = useMutation({
    mutationFn: async () => {
      for (const { appId, endpointId } of endpoints) {
        const params = { path: { app_id: appId, endpoint_id: endpointId } }
        await ask(client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/deliver-waiting', { params }))
      }
    },
    onSuccess: () => toast('ok', `${counted(sum, 'delivery is', 'deliveries are')} due now.`),
    onError: (error) => toast('bad', inWords(error)),
    onSettled: () => {
      queries.invalidateQueries({ queryKey: ['waiting'] })
      onClose()
    },
  })
  const [only] = endpoints
  return (
    <Confirm
      title="Deliver what waits now?"
      action={`Deliver ${counted(sum, 'delivery', 'deliveries')} now`}
      danger={false}
      busy={release.isPending}
      onConfirm={() => release.mutate()}
      onClose={onClose}
    >
      {counted(sum, 'delivery', 'deliveries')} for{' '}
      {endpoints.length === 1 ? (
        <code>{only?.url ?? only?.endpointId}</code>
      ) : (
        `${endpoints.length} endpoints`
      )}{' '}
      will be tried at once, as fast as each endpoint’s rate and its requests at a time allow.
    </Confirm>
  )
}
