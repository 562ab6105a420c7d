import { Plug, Plus } from 'lucide-react'
import type { Schemas } from '../api/client'
import { type EndpointFilter, useApp, useEndpointActivity, useEndpoints } from '../api/queries'
import { Link } from '../app/link'
import { setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { activityInWords, successRate } from '../text/activity'
import { attemptStatus, endpointStatus } from '../text/delivery'
import { CopyId } from '../ui/copy'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { useShown } from '../ui/shown'
import { Sparkline } from '../ui/sparkline'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'

export default function Endpoints({ params }: PageProps) {
  const scope = useScope(params)
  const cursor = useCursor()
  const { search } = usePlace()
  const disabled = search.get('disabled')
  const filter: EndpointFilter = {
    search: search.get('search') ?? '',
    disabled: disabled === 'true' || disabled === 'false' ? disabled : '',
  }
  const filtered = filter.search !== '' || filter.disabled !== ''
  const query = useEndpoints(scope.app, filter, cursor)
  const activity = useEndpointActivity(scope.app, filter, cursor)
  const app = useApp(scope.app)
  const create = scope.may('ManageEndpoint') && (
    <Link className="button primary" to={`${scope.base}/endpoints/new`}>
      <Plus size={15} aria-hidden="true" /> New endpoint
    </Link>
  )
  const crumbs = scope.portal ? [] : [{ text: 'Applications', to: '/apps' }]
  if (!scope.portal && app.data) crumbs.push({ text: app.data.name, to: scope.base })
  return (
    <>
      <PageHead
        title="Endpoints"
        crumbs={crumbs}
        about="Each endpoint is a URL that receives events as signed HTTP requests."
      >
        {create}
      </PageHead>
      <Filters filter={filter} />
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 && filtered ? (
              <Empty title="No endpoint is like that" action={<ClearFilters />} />
            ) : list.data.length === 0 ? (
              <Empty icon={<Plug size={26} />} title="No endpoints yet" action={create}>
                Add the URL of your server, or an inbox to look at requests without one. You get a secret with
                it, by which your server knows that requests are genuine.
              </Empty>
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Endpoint</th>
                      <th scope="col">Status</th>
                      <th scope="col">Last 24 hours</th>
                      <th scope="col">Last delivery</th>
                      <th scope="col">Event types</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((endpoint) => (
                      <Row
                        key={endpoint.id}
                        scope={scope}
                        endpoint={endpoint}
                        activity={activity.data?.get(endpoint.id)}
                      />
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="endpoints" />
              </>
            )
          }
        </Answer>
      </Card>
    </>
  )
}

const STATES: [EndpointFilter['disabled'], string][] = [
  ['', 'Any status'],
  ['false', 'Active'],
  ['true', 'Paused'],
]

function Filters({ filter }: { filter: EndpointFilter }) {
  const search = (text: string) => {
    if (text.trim() !== filter.search) setSearch({ search: text.trim(), iterator: null })
  }
  const field = useShown(filter.search)
  return (
    <search className="filters">
      <input
        ref={field}
        className="input"
        data-search
        aria-label="Find endpoints by URL, description, uid or id"
        placeholder="URL, description, uid or id"
        maxLength={256}
        defaultValue={filter.search}
        onKeyDown={(event) => {
          if (event.key === 'Enter') search(event.currentTarget.value)
        }}
        onBlur={(event) => search(event.currentTarget.value)}
      />
      <select
        className="select"
        aria-label="Status"
        value={filter.disabled}
        onChange={(event) => setSearch({ disabled: event.target.value, iterator: null })}
      >
        {STATES.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </search>
  )
}

function ClearFilters() {
  return (
    <button
      type="button"
      className="button"
      onClick={() => setSearch({ search: null, disabled: null, iterator: null })}
    >
      Clear the filters
    </button>
  )
}

type Activity = Schemas['EndpointActivityOut']

function Row({
  scope,
  endpoint,
  activity,
}: {
  scope: Scope
  endpoint: Schemas['EndpointOut']
  activity: Activity | undefined
}) {
  return (
    <tr>
      <td data-label="Endpoint" className="wide">
        <div className="two-lines">
          <Link data-row className="row-link cut" to={scope.base + path('endpoints', endpoint.id)}>
            {endpoint.url}
          </Link>
          <span className="row one-line small">
            <CopyId value={endpoint.id} short />
            {endpoint.description && <span className="dim cut">{endpoint.description}</span>}
          </span>
        </div>
      </td>
      <td data-label="Status">
        <StatusBadge {...endpointStatus(endpoint)} />
      </td>
      <td data-label="Last 24 hours">{activity && <LastDay activity={activity} />}</td>
      <td data-label="Last delivery">{activity && <LastAttempt activity={activity} />}</td>
      <td data-label="Event types">
        <EventTypeChips types={endpoint.eventTypes} />
      </td>
    </tr>
  )
}

/** The share of attempts that succeeded, and when they were. */
function LastDay({ activity }: { activity: Activity }) {
  const words = activityInWords(activity)
  if (activity.success + activity.failed === 0) return <span className="dim">No attempts</span>
  return (
    <span className="last-day" title={words}>
      <span className="num">{successRate(activity)}</span>
      <Sparkline hours={activity.hours} label={words} />
    </span>
  )
}

function LastAttempt({ activity: { lastAttempt } }: { activity: Activity }) {
  if (!lastAttempt) return <span className="dim">None for a week</span>
  return (
    <div className="two-lines">
      <StatusBadge {...attemptStatus(lastAttempt.status, lastAttempt.responseStatusCode)} />
      <Time at={lastAttempt.timestamp} />
    </div>
  )
}

const SHOWN = 2

export function EventTypeChips({
  types,
  all = false,
}: {
  types?: string[] | null | undefined
  all?: boolean
}) {
  if (!types || types.length === 0) return <span className="dim">All, also future ones</span>
  const shown = all ? types : types.slice(0, SHOWN)
  return (
    <span className="chips">
      {shown.map((type) => (
        <span key={type} className="chip">
          {type}
        </span>
      ))}
      {types.length > shown.length && (
        <span className="dim small" title={types.slice(SHOWN).join(', ')}>
          +{types.length - shown.length}
        </span>
      )}
    </span>
  )
}
