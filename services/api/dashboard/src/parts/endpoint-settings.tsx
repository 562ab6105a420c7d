import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { ApiError } from '../api/error'
import type { Scope } from '../app/scope'
import { urlAdvice } from '../text/url-advice'
import { TextField } from '../ui/field'
import { Answer, Card, Failure } from '../ui/page'
import { toast } from '../ui/toast'
import { EventTypePicker } from './event-type-picker'
import { type HeaderRow, HeadersEditor, headerRow, headersOf } from './headers-editor'
import { RetrySchedule } from './retry-schedule'

type Endpoint = Schemas['EndpointOut']

export function EndpointSettings({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const editable = scope.may('ManageEndpoint')
  return (
    <fieldset className="stack" disabled={!editable}>
      <legend className="hidden-text">Settings</legend>
      {!editable && <div className="notice">You may look at these settings, and not change them.</div>}
      <General scope={scope} endpoint={endpoint} />
      <RetrySchedule scope={scope} endpoint={endpoint.id} editable={editable} />
      <Headers scope={scope} endpoint={endpoint} />
    </fieldset>
  )
}

function General({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const queries = useQueryClient()
  const [url, setUrl] = useState(endpoint.url)
  const [description, setDescription] = useState(endpoint.description)
  const [types, setTypes] = useState(endpoint.eventTypes ?? null)
  const [channels, setChannels] = useState(endpoint.channels?.join(', ') ?? '')
  const [rate, setRate] = useState(endpoint.throttleRate?.toString() ?? '')
  const [fifo, setFifo] = useState(endpoint.fifo)
  const save = useMutation({
    mutationFn: () => {
      const named = channels.split(',').map((channel) => channel.trim())
      const wanted = named.filter((channel) => channel !== '')
      return ask(
        client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', {
          params: { path: { app_id: scope.app, endpoint_id: endpoint.id } },
          body: {
            url: url.trim(),
            description: description.trim(),
            eventTypes: types?.length ? types : null,
            channels: wanted.length > 0 ? wanted : null,
            throttleRate: rate ? Number(rate) : null,
            fifo,
          },
        }),
      )
    },
    onSuccess: (now) => {
      queries.setQueryData(['endpoint', scope.app, endpoint.id], now)
      queries.invalidateQueries({ queryKey: ['endpoints', scope.app] })
      toast('ok', 'The settings were saved.')
    },
  })
  const problem = (field: string) => (save.error instanceof ApiError ? save.error.problem(field) : undefined)
  return (
    <Card title="General">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <TextField
          label="URL"
          hint={urlAdvice(url)}
          problem={problem('url')}
          mono
          type="url"
          required
          value={url}
          onChange={setUrl}
        />
        <TextField
          label="Description"
          problem={problem('description')}
          value={description}
          onChange={setDescription}
        />
        <EventTypePicker value={types} onChange={setTypes} />
        <TextField
          label="Channels"
          hint="Separated by commas. Empty: events of all channels."
          problem={problem('channels')}
          mono
          value={channels}
          onChange={setChannels}
        />
        <TextField
          label="Requests per second, at most"
          hint="Empty: not limited. What comes faster waits."
          problem={problem('throttleRate')}
          narrow
          type="number"
          min={1}
          value={rate}
          onChange={setRate}
        />
        <label className="check">
          <input type="checkbox" checked={fifo} onChange={(event) => setFifo(event.target.checked)} />
          <span>
            One at a time, in the order of acceptance
            <span className="hint block dim small">A delivery that fails holds back those behind it.</span>
          </span>
        </label>
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

function Headers({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const params = { path: { app_id: scope.app, endpoint_id: endpoint.id } }
  const query = useQuery({
    queryKey: ['headers', scope.app, endpoint.id],
    queryFn: () => ask(client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers', { params })),
  })
  return (
    <Card title="Headers" body={false}>
      <Answer query={query}>{(headers) => <HeadersForm params={params} headers={headers} />}</Answer>
    </Card>
  )
}

function HeadersForm({
  params,
  headers,
}: {
  params: { path: { app_id: string; endpoint_id: string } }
  headers: Schemas['HeadersOut']
}) {
  const queries = useQueryClient()
  const rowsOf = () => Object.entries(headers.headers).map(([name, value]) => headerRow(name, value))
  const [rows, setRows] = useState<HeaderRow[]>(rowsOf)
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was loaded anew takes the place of what was typed
  useEffect(() => setRows(rowsOf()), [headers])
  const key = ['headers', params.path.app_id, params.path.endpoint_id]
  const save = useMutation({
    mutationFn: () => {
      const wanted = headersOf(rows)
      const kept = new Set(Object.keys(wanted).map((name) => name.toLowerCase()))
      const gone = Object.keys(headers.headers).filter((name) => !kept.has(name.toLowerCase()))
      // Only what changes: the values of sensitive headers are not known here.
      return ask(
        client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers', {
          params,
          body: { headers: wanted, deleteHeaders: gone },
        }),
      )
    },
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: key })
      toast('ok', 'The headers were saved.')
    },
  })
  return (
    <form
      className="stack card-body"
      onSubmit={(event) => {
        event.preventDefault()
        save.mutate()
      }}
    >
      <HeadersEditor rows={rows} onChange={setRows} />
      {headers.sensitive.length > 0 && (
        <p className="dim small">
          Set, and not shown: {headers.sensitive.map((name) => `${name}`).join(', ')}
        </p>
      )}
      {save.error && <Failure error={save.error} />}
      <div>
        <button type="submit" className="button primary" disabled={save.isPending}>
          Save headers
        </button>
      </div>
    </form>
  )
}
