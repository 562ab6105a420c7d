import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Send } from 'lucide-react'
import { useId, useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { useEventTypes } from '../api/queries'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { Scope } from '../app/scope'
import { hasExample } from '../text/schema'
import { CopyId } from '../ui/copy'
import { Failure } from '../ui/page'

/** The type that always has an example. */
const PING = 'svix.ping'

/** Sends an example of an event type to this endpoint alone. */
export function SendExample({ scope, endpoint }: { scope: Scope; endpoint: Schemas['EndpointOut'] }) {
  const queries = useQueryClient()
  const id = useId()
  const types = useEventTypes(undefined, 250)
  const [type, setType] = useState(PING)
  const withExample =
    types.data?.data.filter((each) => hasExample(each.schemas)).map((each) => each.name) ?? []
  const send = useMutation({
    mutationFn: () =>
      ask(
        client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example', {
          params: { path: { app_id: scope.app, endpoint_id: endpoint.id } },
          body: { eventType: type },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['attempts', scope.app, endpoint.id] })
    },
  })
  return (
    <div className="stack">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          send.mutate()
        }}
      >
        <div className="field">
          <label htmlFor={id}>Event type</label>
          <select id={id} className="select" value={type} onChange={(event) => setType(event.target.value)}>
            {[PING, ...withExample].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <div className="hint">Event types with an example in their schema can be sent.</div>
        </div>
        <div>
          <button type="submit" className="button primary" disabled={send.isPending}>
            <Send size={14} aria-hidden="true" /> Send example
          </button>
        </div>
      </form>
      {send.error && <Failure error={send.error} />}
      {send.data && (
        <div className="notice ok" role="status">
          <div>
            Sent as <CopyId value={send.data.id} />{' '}
            <Link to={scope.base + path('events', send.data.id)}>See what became of it</Link>
          </div>
        </div>
      )}
    </div>
  )
}
