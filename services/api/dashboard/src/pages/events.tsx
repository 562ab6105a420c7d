import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Mail, Plus } from 'lucide-react'
import { useState } from 'react'
import { ask, client } from '../api/client'
import { useLive } from '../api/live'
import { PAGE, useEventTypes } from '../api/queries'
import { Link } from '../app/link'
import { navigate, setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { FirstEvent } from '../parts/first-event'
import { Tail } from '../parts/tail'
import { examples } from '../text/schema'
import { CopyId } from '../ui/copy'
import { FormDialog } from '../ui/dialog'
import { Field } from '../ui/field'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { Time } from '../ui/time'

export default function Events({ params }: PageProps) {
  const scope = useScope(params)
  const { search } = usePlace()
  const cursor = useCursor()
  const filter = {
    type: search.get('type') ?? '',
    channel: search.get('channel') ?? '',
    tag: search.get('tag') ?? '',
  }
  const following = !cursor && search.get('tail') !== 'off'
  const live = useLive(scope.app, [['events', scope.app]], { on: following })
  const query = useQuery({
    queryKey: ['events', scope.app, filter, cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/msg', {
          params: {
            path: { app_id: scope.app },
            query: {
              limit: PAGE,
              iterator: cursor,
              with_content: false,
              event_types: filter.type ? [filter.type] : undefined,
              channel: filter.channel || undefined,
              tag: filter.tag || undefined,
            },
          },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: live === 'polling' ? 3_000 : false,
  })
  const filtered = Object.values(filter).some((value) => value !== '')
  const clear = () => setSearch({ type: null, channel: null, tag: null, iterator: null })
  return (
    <>
      <PageHead title="Events" about="Everything that was accepted for this application, newest first.">
        <Tail state={live} onToggle={() => setSearch({ tail: following ? 'off' : null, iterator: null })} />
        {!scope.portal && (
          <button type="button" className="button" onClick={() => setSearch({ new: '1' })}>
            <Plus size={15} aria-hidden="true" /> Publish an event
          </button>
        )}
      </PageHead>
      <Filters filter={filter} />
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length > 0 ? (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Event type</th>
                      <th scope="col">Id</th>
                      <th scope="col">Channels</th>
                      <th scope="col">Tags</th>
                      <th scope="col">Accepted</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((event) => (
                      <tr key={event.id}>
                        <td data-label="Event type">
                          <Link
                            data-row
                            className="row-link mono small"
                            to={scope.base + path('events', event.id)}
                          >
                            {event.eventType}
                          </Link>
                        </td>
                        <td data-label="Id">
                          <CopyId value={event.id} short />
                        </td>
                        <td data-label="Channels">
                          {event.channels?.join(', ') || <span className="dim">–</span>}
                        </td>
                        <td data-label="Tags">{event.tags?.join(', ') || <span className="dim">–</span>}</td>
                        <td data-label="Accepted">
                          <Time at={event.timestamp} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="events" />
              </>
            ) : filtered ? (
              <Empty
                title="No event is like that"
                action={
                  <button type="button" className="button" onClick={clear}>
                    Clear the filters
                  </button>
                }
              />
            ) : (
              <Empty icon={<Mail size={26} />} title="Waiting for the first event">
                {scope.portal
                  ? 'Events appear here the moment they are accepted.'
                  : 'Publish one, in any of these ways:'}
              </Empty>
            )
          }
        </Answer>
        {!scope.portal && !filtered && query.data?.data.length === 0 && <FirstEvent app={scope.app} />}
      </Card>
      {search.get('new') !== null && <Publish scope={scope} onClose={() => setSearch({ new: null })} />}
    </>
  )
}

const FILTERS: ['type' | 'channel' | 'tag', string][] = [
  ['type', 'Event type'],
  ['channel', 'Channel'],
  ['tag', 'Tag'],
]

function Filters({ filter }: { filter: Record<'type' | 'channel' | 'tag', string> }) {
  const [id, setId] = useState('')
  const { path: here } = usePlace()
  return (
    <search className="filters">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (id.trim()) navigate(`${here}/${encodeURIComponent(id.trim())}`)
        }}
      >
        <input
          className="input mono"
          data-search
          aria-label="Open an event by its id"
          placeholder="Open by id"
          value={id}
          onChange={(event) => setId(event.target.value)}
        />
      </form>
      {FILTERS.map(([key, label]) => (
        <input
          key={`${key} ${filter[key]}`}
          className="input mono"
          aria-label={label}
          placeholder={label}
          defaultValue={filter[key]}
          onKeyDown={(event) => {
            if (event.key === 'Enter') setSearch({ [key]: event.currentTarget.value.trim(), iterator: null })
          }}
          onBlur={(event) => {
            const value = event.currentTarget.value.trim()
            if (value !== filter[key]) setSearch({ [key]: value, iterator: null })
          }}
        />
      ))}
    </search>
  )
}

/** Publishes an event as any producer does, over the REST API. */
function Publish({ scope, onClose }: { scope: Scope; onClose: () => void }) {
  const queries = useQueryClient()
  const types = useEventTypes(undefined, 250)
  const [type, setType] = useState('')
  const [payload, setPayload] = useState('{\n  "hello": "world"\n}')
  const publish = useMutation({
    mutationFn: () => {
      let parsed: unknown
      try {
        parsed = JSON.parse(payload)
      } catch (error) {
        throw new Error(`The payload is no JSON: ${error instanceof Error ? error.message : error}`)
      }
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
        throw new Error('The payload must be a JSON object.')
      }
      return ask(
        client.POST('/api/v1/app/{app_id}/msg', {
          params: { path: { app_id: scope.app } },
          body: { eventType: type.trim(), payload: parsed as Record<string, never> },
        }),
      )
    },
    onSuccess: (event) => {
      queries.invalidateQueries({ queryKey: ['events', scope.app] })
      navigate(scope.base + path('events', event.id))
    },
  })
  const choose = (name: string) => {
    setType(name)
    const found = types.data?.data.find((each) => each.name === name)
    const example = found && examples(found.schemas)[0]
    if (example) setPayload(JSON.stringify(example, null, 2))
  }
  return (
    <FormDialog title="Publish an event" action="Publish" change={publish} onClose={onClose}>
      <Field label="Event type" hint="A dotted name. One that has an example brings it along.">
        {(given) => (
          <>
            <input
              {...given}
              className="input mono"
              required
              list="known-types"
              placeholder="invoice.paid"
              value={type}
              onChange={(event) => choose(event.target.value)}
            />
            <datalist id="known-types">
              {types.data?.data.map((each) => (
                <option key={each.name} value={each.name} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="Payload">
        {(given) => (
          <textarea
            {...given}
            className="textarea mono"
            rows={9}
            spellCheck={false}
            value={payload}
            onChange={(event) => setPayload(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  )
}
