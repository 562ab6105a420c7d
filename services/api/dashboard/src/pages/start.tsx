import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Circle, CircleCheck, LoaderCircle, Rocket } from 'lucide-react'
import { useState } from 'react'
import { ask, client } from '../api/client'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { FirstEvent } from '../parts/first-event'
import { milliseconds } from '../text/time'
import { CopyId } from '../ui/copy'
import { TextField } from '../ui/field'
import { Card, Failure, PageHead } from '../ui/page'

const TYPE = 'invoice.paid'
const EXAMPLE = { invoice: 'inv_1', amount: 4200, currency: 'EUR' }

interface Made {
  app: string
  endpoint: string
  inbox: string | null
  event: string
}

/** From nothing to a first delivered event. Everything here is an ordinary call of the REST API. */
export default function Start(_: PageProps) {
  const queries = useQueryClient()
  const [name, setName] = useState('Acme')
  const [url, setUrl] = useState('')
  const begin = useMutation({
    mutationFn: async (): Promise<Made> => {
      const app = await ask(client.POST('/api/v1/app', { body: { name: name.trim() } }))
      const params = { path: { app_id: app.id } }
      const inbox = url.trim()
        ? null
        : await ask(client.POST('/api/v1/app/{app_id}/inbox', { params, body: { name: 'First steps' } }))
      const body = { url: inbox?.url ?? url.trim(), description: inbox ? 'Inbox: first steps' : '' }
      const endpoint = await ask(client.POST('/api/v1/app/{app_id}/endpoint', { params, body }))
      if (inbox) {
        await ask(
          client.PATCH('/api/v1/app/{app_id}/inbox/{inbox_id}', {
            params: { path: { app_id: app.id, inbox_id: inbox.id } },
            body: { endpointId: endpoint.id },
          }),
        )
      }
      const payload = EXAMPLE as unknown as Record<string, never>
      const event = await ask(
        client.POST('/api/v1/app/{app_id}/msg', { params, body: { eventType: TYPE, payload } }),
      )
      queries.invalidateQueries({ queryKey: ['apps'] })
      return { app: app.id, endpoint: endpoint.id, inbox: inbox?.id ?? null, event: event.id }
    },
  })
  return (
    <>
      <PageHead
        title="Your first event"
        about="An application is one of your customers. It has endpoints, which receive the events that you publish."
      />
      <div className="columns">
        <Card title="In one go">
          <form
            className="stack"
            onSubmit={(event) => {
              event.preventDefault()
              begin.mutate()
            }}
          >
            <TextField
              label="Application"
              hint="The name of a customer."
              required
              value={name}
              onChange={setName}
            />
            <TextField
              label="Where it receives"
              hint="Empty: a built-in inbox, which shows what it gets."
              mono
              type="url"
              placeholder="https://example.com/webhooks"
              value={url}
              onChange={setUrl}
            />
            {begin.error && <Failure error={begin.error} />}
            <div>
              <button type="submit" className="button primary" disabled={begin.isPending}>
                <Rocket size={14} aria-hidden="true" /> Create and send an event
              </button>
            </div>
          </form>
        </Card>
        <Steps made={begin.data} busy={begin.isPending} />
      </div>
      {begin.data && (
        <div className="spaced">
          <Card title="Now from your own program" body={false}>
            <FirstEvent app={begin.data.app} />
          </Card>
        </div>
      )}
    </>
  )
}

function Steps({ made, busy }: { made: Made | undefined; busy: boolean }) {
  const delivery = useQuery({
    queryKey: ['first-delivery', made?.event],
    queryFn: async () => {
      const params = { path: { app_id: made?.app ?? '', msg_id: made?.event ?? '' } }
      const list = await ask(client.GET('/api/v1/app/{app_id}/attempt/msg/{msg_id}', { params }))
      return list.data[0] ?? null
    },
    enabled: made !== undefined,
    refetchInterval: ({ state }) => (state.data?.status === 0 ? false : 500),
  })
  const attempt = delivery.data
  const base = made ? path('apps', made.app) : ''
  return (
    <Card title="What happens">
      <ol className="steps" aria-live="polite">
        <Step done={made !== undefined} busy={busy} text="The application is created">
          {made && <CopyId value={made.app} short />}
        </Step>
        <Step done={made !== undefined} busy={busy} text="It gets an endpoint, with a secret">
          {made && <Link to={base + path('endpoints', made.endpoint)}>Look at it</Link>}
        </Step>
        <Step done={made !== undefined} busy={busy} text="An event is accepted, and is durable">
          {made && <CopyId value={made.event} short />}
        </Step>
        <Step
          done={attempt?.status === 0}
          busy={made !== undefined && attempt?.status !== 0}
          text={
            attempt?.status === 0
              ? `It is delivered: ${attempt.responseStatusCode} after ${milliseconds(attempt.responseDurationMs)}`
              : attempt
                ? `An attempt failed (${attempt.responseStatusCode || 'no answer'}); it is tried again`
                : 'It is delivered'
          }
        >
          {made && attempt && <Link to={base + path('events', made.event)}>See the delivery</Link>}
          {made?.inbox && attempt?.status === 0 && (
            <Link to={base + path('inboxes', made.inbox)}>See the inbox</Link>
          )}
        </Step>
      </ol>
    </Card>
  )
}

function Step({
  done,
  busy,
  text,
  children,
}: {
  done: boolean
  busy: boolean
  text: string
  children?: React.ReactNode
}) {
  const Icon = done ? CircleCheck : busy ? LoaderCircle : Circle
  return (
    <li className={done ? 'done' : ''}>
      <Icon size={17} aria-label={done ? 'Done' : busy ? 'Under way' : 'To come'} />
      <div className="stack tight">
        <span>{text}</span>
        {children && <span className="row small">{children}</span>}
      </div>
    </li>
  )
}
