import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Inbox } from 'lucide-react'
import type { ReactNode } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { useLive } from '../api/live'
import { PAGE } from '../api/queries'
import { Link } from '../app/link'
import { setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { Scope } from '../app/scope'
import { attemptStatus, trigger } from '../text/delivery'
import { shortId } from '../text/id'
import { milliseconds } from '../text/time'
import { CopyId } from '../ui/copy'
import { Answer, Card, Empty } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { useShown } from '../ui/shown'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'
import { AttemptDrawer } from './attempt-drawer'
import { Tail } from './tail'

type Attempt = Schemas['MessageAttemptOut']

const STATUSES: [string, string][] = [
  ['', 'Any outcome'],
  ['0', 'Succeeded'],
  ['2', 'Failed'],
]
const CLASSES: [string, string][] = [
  ['', 'Any answer'],
  ['200', '2xx'],
  ['300', '3xx'],
  ['400', '4xx'],
  ['500', '5xx'],
]

/** An endpoint's attempts, newest first. */
export function Deliveries({ scope, endpoint }: { scope: Scope; endpoint: Schemas['EndpointOut'] }) {
  const { search } = usePlace()
  const cursor = useCursor()
  const filter = {
    status: search.get('status') ?? '',
    statusClass: search.get('class') ?? '',
    type: search.get('type') ?? '',
  }
  const following = !cursor && search.get('tail') !== 'off'
  const live = useLive(scope.app, [['attempts', scope.app, endpoint.id]], {
    endpoint: endpoint.id,
    on: following,
  })
  const query = useQuery({
    queryKey: ['attempts', scope.app, endpoint.id, filter, cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}', {
          params: {
            path: { app_id: scope.app, endpoint_id: endpoint.id },
            query: {
              limit: PAGE,
              iterator: cursor,
              with_msg: true,
              with_content: false,
              status: filter.status ? Number(filter.status) : undefined,
              status_code_class: filter.statusClass ? Number(filter.statusClass) : undefined,
              event_types: filter.type ? [filter.type] : undefined,
            },
          },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: live === 'polling' ? 3_000 : false,
  })
  const filtered = filter.status !== '' || filter.statusClass !== '' || filter.type !== ''
  return (
    <>
      <Filters filter={filter}>
        <Tail state={live} onToggle={() => setSearch({ tail: following ? 'off' : null, iterator: null })} />
      </Filters>
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <NoDeliveries filtered={filtered} />
            ) : (
              <>
                <Attempts scope={scope} attempts={list.data} />
                <Pager page={list} noun="deliveries" />
              </>
            )
          }
        </Answer>
      </Card>
      <OpenAttempt scope={scope} />
    </>
  )
}

function NoDeliveries({ filtered }: { filtered: boolean }) {
  if (filtered) {
    const clear = () => setSearch({ status: null, class: null, type: null, iterator: null })
    const action = (
      <button type="button" className="button" onClick={clear}>
        Clear the filters
      </button>
    )
    return <Empty title="No delivery is like that" action={action} />
  }
  return (
    <Empty
      icon={<Inbox size={26} />}
      title="No deliveries yet"
      action={
        <Link className="button" to={`${window.location.pathname}?tab=testing`}>
          Send a test event
        </Link>
      }
    >
      They appear here the moment they happen.
    </Empty>
  )
}

function Filters({
  filter,
  children,
}: {
  filter: { status: string; statusClass: string; type: string }
  children: ReactNode
}) {
  const field = useShown(filter.type)
  const choice = (label: string, key: string, value: string, options: [string, string][]) => (
    <select
      className="select"
      aria-label={label}
      value={value}
      onChange={(event) => setSearch({ [key]: event.target.value, iterator: null })}
    >
      {options.map(([code, text]) => (
        <option key={code} value={code}>
          {text}
        </option>
      ))}
    </select>
  )
  return (
    <search className="filters">
      {choice('Outcome', 'status', filter.status, STATUSES)}
      {choice('Answer', 'class', filter.statusClass, CLASSES)}
      <input
        ref={field}
        className="input mono"
        data-search
        aria-label="Event type"
        placeholder="Event type"
        defaultValue={filter.type}
        onKeyDown={(event) => {
          if (event.key === 'Enter') setSearch({ type: event.currentTarget.value.trim(), iterator: null })
        }}
        onBlur={(event) => {
          const type = event.currentTarget.value.trim()
          if (type !== filter.type) setSearch({ type, iterator: null })
        }}
      />
      {children}
    </search>
  )
}

export function Attempts({ scope, attempts }: { scope: Scope; attempts: Attempt[] }) {
  const { path: here, search } = usePlace()
  const open = ({ id, msgId }: Attempt) => {
    const next = new URLSearchParams(search)
    next.set('msg', msgId)
    next.set('attempt', id)
    return `${here}?${next}`
  }
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">Outcome</th>
          <th scope="col">Event type</th>
          <th scope="col">Event</th>
          <th scope="col">Took</th>
          <th scope="col">When</th>
        </tr>
      </thead>
      <tbody>
        {attempts.map((attempt) => (
          <tr key={attempt.id}>
            <td data-label="Outcome">
              <Link data-row className="row-link" to={open(attempt)}>
                <StatusBadge {...attemptStatus(attempt.status, attempt.responseStatusCode)} />
              </Link>{' '}
              {attempt.triggerType === 1 && <span className="dim small">{trigger(1)}</span>}
            </td>
            <td data-label="Event type">
              <span className="mono small">{attempt.msg?.eventType ?? '–'}</span>
            </td>
            <td data-label="Event">
              <span className="row one-line">
                <Link
                  className="mono small"
                  title={attempt.msgId}
                  to={scope.base + path('events', attempt.msgId)}
                >
                  {shortId(attempt.msgId)}
                </Link>
                <CopyId value={attempt.msgId} bare />
              </span>
            </td>
            <td data-label="Took" className="num">
              {milliseconds(attempt.responseDurationMs)}
            </td>
            <td data-label="When">
              <Time at={attempt.timestamp} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The attempt that the address names. */
export function OpenAttempt({ scope }: { scope: Scope }) {
  const { search } = usePlace()
  const [msg, attempt] = [search.get('msg'), search.get('attempt')]
  if (!msg || !attempt) return null
  const close = () => setSearch({ msg: null, attempt: null })
  return <AttemptDrawer key={attempt} scope={scope} msg={msg} attempt={attempt} onClose={close} />
}
