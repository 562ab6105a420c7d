import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { ApiError } from '../api/error'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { EventTypePicker } from '../parts/event-type-picker'
import { type HeaderRow, HeadersEditor, headersOf } from '../parts/headers-editor'
import { SecretBox } from '../parts/secret'
import { SendExample } from '../parts/send-example'
import { Snippets } from '../parts/snippets'
import { urlAdvice } from '../text/url-advice'
import { TextField } from '../ui/field'
import { Card, Failure, PageHead } from '../ui/page'

type Endpoint = Schemas['EndpointOut']

export default function NewEndpoint({ params }: PageProps) {
  const scope = useScope(params)
  const [made, setMade] = useState<Endpoint | null>(null)
  return made ? <Made scope={scope} endpoint={made} /> : <Form scope={scope} onMade={setMade} />
}

function Form({ scope, onMade }: { scope: Scope; onMade: (endpoint: Endpoint) => void }) {
  const queries = useQueryClient()
  const [url, setUrl] = useState('')
  const [description, setDescription] = useState('')
  const [types, setTypes] = useState<string[] | null>(null)
  const [headers, setHeaders] = useState<HeaderRow[]>([])
  const [rate, setRate] = useState('')
  const create = useMutation({
    mutationFn: () =>
      ask(
        client.POST('/api/v1/app/{app_id}/endpoint', {
          params: { path: { app_id: scope.app } },
          body: {
            url: url.trim(),
            description: description.trim(),
            eventTypes: types?.length ? types : null,
            headers: headersOf(headers),
            throttleRate: rate ? Number(rate) : null,
          },
        }),
      ),
    onSuccess: (endpoint) => {
      queries.invalidateQueries({ queryKey: ['endpoints', scope.app] })
      onMade(endpoint)
    },
  })
  const problem = (field: string) =>
    create.error instanceof ApiError ? create.error.problem(field) : undefined
  return (
    <>
      <PageHead title="New endpoint" crumbs={[{ text: 'Endpoints', to: `${scope.base}/endpoints` }]} />
      <form
        className="stack form"
        onSubmit={(event) => {
          event.preventDefault()
          create.mutate()
        }}
      >
        <Card>
          <div className="stack">
            <TextField
              label="URL"
              hint={urlAdvice(url) ?? 'It answers each request with 2xx within 5 seconds.'}
              problem={problem('url')}
              mono
              type="url"
              required
              placeholder="https://example.com/webhooks"
              value={url}
              onChange={setUrl}
            />
            <TextField
              label="Description"
              hint="Optional, for people."
              problem={problem('description')}
              value={description}
              onChange={setDescription}
            />
            <EventTypePicker value={types} onChange={setTypes} />
            <HeadersEditor rows={headers} onChange={setHeaders} />
            <TextField
              label="Requests per second, at most"
              hint="Optional. What comes faster waits."
              problem={problem('throttleRate')}
              narrow
              type="number"
              min={1}
              value={rate}
              onChange={setRate}
            />
            {create.error && <Failure error={create.error} />}
          </div>
        </Card>
        <div className="row">
          <button type="submit" className="button primary" disabled={create.isPending}>
            Create endpoint
          </button>
          <Link className="button" to={`${scope.base}/endpoints`}>
            Cancel
          </Link>
        </div>
      </form>
    </>
  )
}

function Made({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  return (
    <>
      <PageHead
        title="Your endpoint is ready"
        about={endpoint.url}
        crumbs={[{ text: 'Endpoints', to: `${scope.base}/endpoints` }]}
      >
        <Link className="button primary" to={scope.base + path('endpoints', endpoint.id)}>
          To the endpoint
        </Link>
      </PageHead>
      <div className="columns">
        <div className="stack">
          {scope.may('ViewEndpointSecret') && (
            <Card title="Signing secret">
              <div className="stack">
                <p className="dim">
                  Every request is signed with it. Keep it in your server’s configuration; you can also look
                  it up later.
                </p>
                <SecretBox scope={scope} endpoint={endpoint.id} revealed />
              </div>
            </Card>
          )}
          {scope.may('CreateAttempts') && (
            <Card title="Send a test event">
              <SendExample scope={scope} endpoint={endpoint} />
            </Card>
          )}
        </div>
        <Card title="Verify requests">
          <Snippets />
        </Card>
      </div>
    </>
  )
}
