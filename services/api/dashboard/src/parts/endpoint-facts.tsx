import { useQuery } from '@tanstack/react-query'
import { ask, client, type Schemas } from '../api/client'
import type { Scope } from '../app/scope'
import { EventTypeChips } from '../pages/endpoints'
import { count, percent } from '../text/number'
import { Answer, Card } from '../ui/page'
import { Time } from '../ui/time'

type Endpoint = Schemas['EndpointOut']

const REASONS: Record<string, string> = {
  gone: 'It answered 410: it is gone.',
  receiver: 'It asked for that in an answer.',
  failures: 'It had only failed for days.',
}

/** How an endpoint does, and what it is set to. */
export function EndpointFacts({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const stats = useQuery({
    queryKey: ['endpoint-stats', scope.app, endpoint.id],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/stats', {
          params: { path: { app_id: scope.app, endpoint_id: endpoint.id } },
        }),
      ),
    refetchInterval: 15_000,
  })
  const { autoDisabled } = endpoint
  return (
    <>
      {endpoint.disabled && autoDisabled && (
        <div className="notice bad">
          <div>
            Disabled automatically <Time at={autoDisabled.at} />.{' '}
            {REASONS[autoDisabled.reason] ?? autoDisabled.reason}
          </div>
        </div>
      )}
      <Card title="Health, 28 days" body={false}>
        <Answer query={stats} lines={3}>
          {({ success, fail, sending, pending, canceled }) => (
            <dl className="facts card-body">
              <dt>Succeeded</dt>
              <dd className="num">
                {count(success)} of {count(success + fail)} attempts ({percent(success, success + fail)})
              </dd>
              <dt>Failed</dt>
              <dd className="num">{count(fail)} attempts</dd>
              <dt>Retrying</dt>
              <dd className="num">{count(sending)} events</dd>
              <dt>On their way</dt>
              <dd className="num">{count(pending)} events</dd>
              <dt>Cancelled</dt>
              <dd className="num">{count(canceled)} events</dd>
            </dl>
          )}
        </Answer>
      </Card>
      <Card title="Set to" body={false}>
        <dl className="facts card-body">
          <dt>Event types</dt>
          <dd>
            <EventTypeChips types={endpoint.eventTypes} all />
          </dd>
          <dt>Channels</dt>
          <dd>{endpoint.channels?.length ? endpoint.channels.join(', ') : 'All'}</dd>
          <dt>Rate</dt>
          <dd>
            {endpoint.throttleRate ? `${endpoint.throttleRate} requests a second at most` : 'Not limited'}
          </dd>
          <dt>Order</dt>
          <dd>{endpoint.fifo ? 'One at a time, in order' : 'Any'}</dd>
          <dt>Created</dt>
          <dd>
            <Time at={endpoint.createdAt} />
          </dd>
          <dt>Changed</dt>
          <dd>
            <Time at={endpoint.updatedAt} />
          </dd>
        </dl>
      </Card>
    </>
  )
}
