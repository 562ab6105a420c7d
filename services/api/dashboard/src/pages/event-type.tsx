import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, client, isNotFound, type Schemas } from '../api/client'
import { inWords } from '../api/error'
import type { PageProps } from '../app/routes'
import { useScope } from '../app/scope'
import { Schedule, WaitsField } from '../parts/retry-schedule'
import { readWaits, waitsText } from '../text/schedule'
import { examples, latest, nextVersion } from '../text/schema'
import { Confirm } from '../ui/dialog'
import { Field, TextField } from '../ui/field'
import { Code } from '../ui/json'
import { Answer, Card, Empty, Failure, PageHead } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { toast } from '../ui/toast'

type EventType = Schemas['EventTypeOut']

export default function EventTypePage({ params }: PageProps) {
  const scope = useScope(params)
  const name = params.type ?? ''
  const crumbs = [{ text: 'Event types', to: scope.portal ? '/portal/event-types' : '/event-types' }]
  const query = useQuery({
    queryKey: ['event-type', name],
    queryFn: () =>
      ask(
        client.GET('/api/v1/event-type/{event_type_name}', { params: { path: { event_type_name: name } } }),
      ),
  })
  if (isNotFound(query.error)) {
    return (
      <>
        <PageHead title={name} crumbs={crumbs} />
        <Card>
          <Empty title="This event type is not defined">
            Events of it are accepted all the same; defining it lets endpoints choose it.
          </Empty>
        </Card>
      </>
    )
  }
  return (
    <Answer query={query}>
      {(type) => (
        <>
          <PageHead
            title={<span className="mono">{type.name}</span>}
            name={type.name}
            crumbs={crumbs}
            about={
              <span className="row">
                {type.archived && <StatusBadge tone="idle" word="Archived" />}
                {type.deprecated && <StatusBadge tone="wait" word="Deprecated" />}
                {type.description}
              </span>
            }
          >
            {!scope.portal && <Archive type={type} />}
          </PageHead>
          <div className="stack">
            {!scope.portal && <Retries name={type.name} />}
            {scope.portal ? <ReadOnly type={type} /> : <Edit key={type.updatedAt} type={type} />}
          </div>
        </>
      )}
    </Answer>
  )
}

function ReadOnly({ type }: { type: EventType }) {
  const schema = latest(type.schemas)
  const example = examples(type.schemas)[0]
  return (
    <>
      <Card title="Example">
        {example ? (
          <Code text={JSON.stringify(example)} label="Example" json />
        ) : (
          <p className="dim">There is none.</p>
        )}
      </Card>
      <Card title="JSON Schema">
        {schema ? (
          <Code text={JSON.stringify(schema)} label="JSON Schema" json />
        ) : (
          <p className="dim">There is none.</p>
        )}
      </Card>
    </>
  )
}

function Edit({ type }: { type: EventType }) {
  const queries = useQueryClient()
  const schema = latest(type.schemas)
  const [description, setDescription] = useState(type.description)
  const [group, setGroup] = useState(type.groupName ?? '')
  const [deprecated, setDeprecated] = useState(type.deprecated)
  const [text, setText] = useState(schema ? JSON.stringify(schema, null, 2) : '')
  const [asNew, setAsNew] = useState(false)
  const save = useMutation({
    mutationFn: () => {
      const versions = (type.schemas ?? {}) as Record<string, unknown>
      const version = nextVersion(versions, asNew)
      let schemas: Record<string, unknown> | null = type.schemas ? versions : null
      if (text.trim() !== '') {
        try {
          schemas = { ...versions, [version]: JSON.parse(text) }
        } catch (error) {
          throw new Error(`The schema is no JSON: ${error instanceof Error ? error.message : error}`)
        }
      }
      return ask(
        client.PATCH('/api/v1/event-type/{event_type_name}', {
          params: { path: { event_type_name: type.name } },
          body: {
            description,
            deprecated,
            groupName: group.trim() || null,
            schemas: schemas as Record<string, never> | null,
          },
        }),
      )
    },
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['event-type', type.name] })
      queries.invalidateQueries({ queryKey: ['event-types'] })
      toast('ok', 'The event type was saved.')
    },
  })
  return (
    <Card title="Definition">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <TextField label="Description" value={description} onChange={setDescription} />
        <TextField label="Group" hint="The heading that it stands under." value={group} onChange={setGroup} />
        <label className="check">
          <input
            type="checkbox"
            checked={deprecated}
            onChange={(event) => setDeprecated(event.target.checked)}
          />
          Deprecated: not for new endpoints
        </label>
        <Field
          label="JSON Schema"
          hint="Of the newest version. With examples in it, the event type can be tried out."
        >
          {(given) => (
            <textarea
              {...given}
              className="textarea mono"
              rows={16}
              spellCheck={false}
              placeholder='{"type": "object", "examples": [{"invoice": 42}]}'
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        {schema && (
          <label className="check">
            <input type="checkbox" checked={asNew} onChange={(event) => setAsNew(event.target.checked)} />
            Save as a new version
          </label>
        )}
        {save.error && <Failure error={save.error} />}
        <div>
          <button type="submit" className="button primary" disabled={save.isPending}>
            Save
          </button>
        </div>
      </form>
    </Card>
  )
}

function Archive({ type }: { type: EventType }) {
  const queries = useQueryClient()
  const [asking, setAsking] = useState(false)
  const archive = useMutation({
    mutationFn: () =>
      ask(
        client.PATCH('/api/v1/event-type/{event_type_name}', {
          params: { path: { event_type_name: type.name } },
          body: { archived: !type.archived },
        }),
      ),
    onSuccess: (now) => {
      queries.setQueryData(['event-type', type.name], now)
      queries.invalidateQueries({ queryKey: ['event-types'] })
      setAsking(false)
      toast('ok', now.archived ? 'The event type is archived.' : 'The event type is in use again.')
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  if (type.archived) {
    return (
      <button type="button" className="button" onClick={() => archive.mutate()}>
        Take back into use
      </button>
    )
  }
  return (
    <>
      <button type="button" className="button" onClick={() => setAsking(true)}>
        Archive
      </button>
      {asking && (
        <Confirm
          title="Archive this event type?"
          action="Archive"
          busy={archive.isPending}
          onConfirm={() => archive.mutate()}
          onClose={() => setAsking(false)}
        >
          It is hidden and cannot be subscribed to any more. Endpoints that have it keep it.
        </Confirm>
      )}
    </>
  )
}

/** The waits between attempts, for events of this type. */
function Retries({ name }: { name: string }) {
  const queries = useQueryClient()
  const params = { path: { event_type_name: name } }
  const query = useQuery({
    queryKey: ['schedule', name],
    queryFn: () => ask(client.GET('/api/v1/event-type/{event_type_name}/retry-schedule', { params })),
  })
  return (
    <Card title="Retries" body={false}>
      <Answer query={query} lines={2}>
        {(schedule) => (
          <ScheduleForm
            key={JSON.stringify(schedule)}
            schedule={schedule}
            save={(body) =>
              ask(client.PUT('/api/v1/event-type/{event_type_name}/retry-schedule', { params, body })).then(
                () => queries.invalidateQueries({ queryKey: ['schedule', name] }),
              )
            }
          />
        )}
      </Answer>
    </Card>
  )
}

function ScheduleForm({
  schedule,
  save,
}: {
  schedule: Schemas['RetrySchedule']
  save: (body: Schemas['RetryScheduleIn']) => Promise<unknown>
}) {
  const [waits, setWaits] = useState(waitsText(schedule.retrySchedule))
  const [ttl, setTtl] = useState(schedule.timeToLive?.toString() ?? '')
  const saving = useMutation({
    mutationFn: async () => save({ retrySchedule: readWaits(waits), timeToLive: ttl ? Number(ttl) : null }),
    onSuccess: () => toast('ok', 'The retries were saved.'),
  })
  return (
    <form
      className="card-body stack"
      onSubmit={(event) => {
        event.preventDefault()
        saving.mutate()
      }}
    >
      {schedule.retrySchedule && <Schedule waits={schedule.retrySchedule} />}
      <WaitsField
        hint="Separated by commas. “none”: no retries. Empty: as the server is set. An endpoint’s own schedule goes before it."
        value={waits}
        onChange={setWaits}
      />
      <TextField
        label="Seconds until an event expires"
        hint="Empty: it does not. What is not delivered by then never is."
        narrow
        type="number"
        min={1}
        value={ttl}
        onChange={setTtl}
      />
      {saving.error && <Failure error={saving.error} />}
      <div>
        <button type="submit" className="button primary" disabled={saving.isPending}>
          Save retries
        </button>
      </div>
    </form>
  )
}
