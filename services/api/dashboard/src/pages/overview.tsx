import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { CircleCheck, Rocket } from 'lucide-react'
import { ask, client, type Schemas } from '../api/client'
import { useApp } from '../api/queries'
import { Link } from '../app/link'
import { setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { failureInWords } from '../text/failure'
import { count, counted, percent } from '../text/number'
import { milliseconds } from '../text/time'
import { BarChart, type Series } from '../ui/bar-chart'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Segments } from '../ui/segments'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'

type Overview = Schemas['OverviewOut']
type Range = '1h' | '24h' | '7d'
type Outcome = 'success' | 'failing' | 'exhausted' | 'canceled'

const RANGES: [Range, string][] = [
  ['1h', '1 hour'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
]
const SERIES: Series<Outcome>[] = [
  { key: 'success', label: 'Delivered', tone: 'ok' },
  { key: 'failing', label: 'Failed, retrying', tone: 'wait' },
  { key: 'exhausted', label: 'Failed for good', tone: 'bad' },
  { key: 'canceled', label: 'Ended without a request', tone: 'idle' },
]
const POLL = 10_000

/** How deliveries go: of all applications, or of one. */
export default function OverviewPage({ params }: PageProps) {
  const scope = useScope(params)
  const { search } = usePlace()
  const range = RANGES.find(([key]) => key === search.get('range'))?.[0] ?? '24h'
  const app = useApp(scope.app)
  const query = useQuery({
    queryKey: ['overview', scope.app, range],
    queryFn: () =>
      scope.app
        ? ask(
            client.GET('/api/v1/app/{app_id}/overview', {
              params: { path: { app_id: scope.app }, query: { range } },
            }),
          )
        : ask(client.GET('/api/v1/overview', { params: { query: { range } } })),
    placeholderData: keepPreviousData,
    refetchInterval: POLL,
  })
  const crumbs = scope.app && !scope.portal ? [{ text: 'Applications', to: '/apps' }] : []
  const title = scope.app && !scope.portal ? (app.data?.name ?? 'Overview') : 'Overview'
  return (
    <>
      <PageHead title={title} crumbs={crumbs}>
        <Segments
          label="Range"
          options={RANGES}
          value={range}
          onChange={(range) => setSearch({ range: range === '24h' ? null : range })}
        />
      </PageHead>
      <Answer query={query} lines={8}>
        {(overview) => <Body scope={scope} overview={overview} />}
      </Answer>
    </>
  )
}

function Body({ scope, overview }: { scope: Scope; overview: Overview }) {
  const buckets = overview.buckets.map(({ at, success, failing, exhausted, canceled, expired }) => ({
    at,
    values: { success, failing, exhausted, canceled: canceled + expired },
  }))
  return (
    <div className="stack">
      {!scope.app && overview.totals.messages === 0 && <FirstSteps />}
      <Tiles overview={overview} />
      <Card title="Outcomes of attempts">
        <BarChart
          label="Outcomes of attempts over time"
          series={SERIES}
          buckets={buckets}
          bucketSeconds={overview.bucketSeconds}
        />
      </Card>
      <div className="columns wide-columns">
        <Worst scope={scope} endpoints={overview.worstEndpoints} />
        <Failures scope={scope} failures={overview.recentFailures} />
      </div>
    </div>
  )
}

/** For whoever has just begun. */
function FirstSteps() {
  return (
    <div className="notice">
      <Rocket size={16} aria-hidden="true" />
      <div className="row">
        No events in this time. <Link to="/start">Send a first event</Link> in less than a minute.
      </div>
    </div>
  )
}

function Tile({ name, value, about }: { name: string; value: string; about?: React.ReactNode }) {
  return (
    <div className="tile card">
      <dt>{name}</dt>
      <dd className="num">{value}</dd>
      {about && <dd className="about">{about}</dd>}
    </div>
  )
}

function Tiles({ overview }: { overview: Overview }) {
  const { totals, latencyMs, waiting, pastDue, nextAttemptAt } = overview
  const failed = totals.failing + totals.exhausted
  return (
    <dl className="tiles">
      <Tile name="Events" value={count(totals.messages)} />
      <Tile
        name="Attempts that succeeded"
        value={percent(totals.success, totals.success + failed)}
        about={`${count(totals.success)} of ${count(totals.success + failed)}`}
      />
      <Tile
        name="Latency, 95th percentile"
        value={latencyMs ? milliseconds(latencyMs.p95) : '–'}
        about={
          latencyMs &&
          `half within ${milliseconds(latencyMs.p50)}, 99\u00a0% within ${milliseconds(latencyMs.p99)}`
        }
      />
      <Tile
        name="Waiting for a retry"
        value={count(waiting)}
        about={
          nextAttemptAt ? (
            <>
              next <Time at={nextAttemptAt} />
            </>
          ) : (
            'nothing waits'
          )
        }
      />
      <Tile
        name="Past due"
        value={count(pastDue)}
        about={pastDue === 0 ? 'all on time' : 'due for a minute or more'}
      />
      <Tile
        name="Failed for good"
        value={count(totals.exhausted)}
        about={`${count(totals.expired)} expired`}
      />
    </dl>
  )
}

function baseOf(scope: Scope, app: string): string {
  return scope.app ? scope.base : path('apps', app)
}

function Worst({ scope, endpoints }: { scope: Scope; endpoints: Overview['worstEndpoints'] }) {
  return (
    <Card title="Endpoints that fail most" body={false}>
      {endpoints.length === 0 ? (
        <Empty icon={<CircleCheck size={24} />} title="No endpoint fails" />
      ) : (
        <ul className="rows">
          {endpoints.map((endpoint) => (
            <li key={endpoint.endpointId}>
              <div className="two-lines">
                <Link
                  data-row
                  className="row-link cut"
                  to={baseOf(scope, endpoint.appId) + path('endpoints', endpoint.endpointId)}
                >
                  {endpoint.url ?? endpoint.endpointId}
                </Link>
                <span className="dim small num">
                  {counted(endpoint.failed, 'failure')} in {counted(endpoint.attempts, 'attempt')}
                  {endpoint.p95Ms != null && ` · p95 ${milliseconds(endpoint.p95Ms)}`}
                </span>
              </div>
              <div className="meter" aria-hidden="true">
                <FailureShare failed={endpoint.failed} attempts={endpoint.attempts} />
              </div>
              <span className="num">{percent(endpoint.failed, endpoint.attempts)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function FailureShare({ failed, attempts }: { failed: number; attempts: number }) {
  return (
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect className="rest" width="100" height="6" />
      <rect className="bar bad" width={attempts === 0 ? 0 : (100 * failed) / attempts} height="6" />
    </svg>
  )
}

function Failures({ scope, failures }: { scope: Scope; failures: Overview['recentFailures'] }) {
  return (
    <Card title="Recent failures" body={false}>
      {failures.length === 0 ? (
        <Empty icon={<CircleCheck size={24} />} title="Nothing failed" />
      ) : (
        <ul className="rows">
          {failures.map((failure) => (
            <li key={failure.attemptId}>
              <StatusBadge
                tone={failure.exhausted ? 'bad' : 'wait'}
                word={failureInWords(failure.failure, failure.responseStatusCode)}
              />
              <div className="two-lines grow">
                <Link
                  data-row
                  className="row-link mono small cut"
                  to={`${baseOf(scope, failure.appId)}${path('events', failure.msgId)}?msg=${failure.msgId}&attempt=${failure.attemptId}`}
                >
                  {failure.eventType}
                </Link>
                <span className="dim small">
                  attempt {failure.attempt}
                  {failure.exhausted ? ', the last one' : ''}
                </span>
              </div>
              <Time at={failure.timestamp} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
