import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Inbox, Plus } from 'lucide-react'
import { useState } from 'react'
import { ask, client } from '../api/client'
import { PAGE } from '../api/queries'
import { Link } from '../app/link'
import { navigate, setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { count } from '../text/number'
import { CopyId } from '../ui/copy'
import { FormDialog } from '../ui/dialog'
import { TextField } from '../ui/field'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { Time } from '../ui/time'

/** Receivers of our own, to look at requests before there is a server for them. */
export default function Inboxes({ params }: PageProps) {
  const scope = useScope(params)
  const cursor = useCursor()
  const creating = usePlace().search.get('new') !== null
  const query = useQuery({
    queryKey: ['inboxes', scope.app, cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/inbox', {
          params: { path: { app_id: scope.app }, query: { limit: PAGE, iterator: cursor } },
        }),
      ),
  })
  const create = scope.may('ManageEndpoint') && (
    <button type="button" className="button primary" onClick={() => setSearch({ new: '1' })}>
      <Plus size={15} aria-hidden="true" /> New inbox
    </button>
  )
  return (
    <>
      <PageHead
        title="Inboxes"
        about="An inbox is a built-in receiver: it answers as you say, shows each request and checks its signature."
      >
        {create}
      </PageHead>
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty icon={<Inbox size={26} />} title="No inboxes yet" action={create}>
                Make one to see what your server would receive, or to try failures and slow answers.
              </Empty>
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Name</th>
                      <th scope="col">URL</th>
                      <th scope="col" className="right">
                        Requests
                      </th>
                      <th scope="col">Answers</th>
                      <th scope="col">Ends</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((inbox) => (
                      <tr key={inbox.id}>
                        <td data-label="Name">
                          <Link data-row className="row-link" to={scope.base + path('inboxes', inbox.id)}>
                            {inbox.name}
                          </Link>
                        </td>
                        <td data-label="URL" className="wide">
                          <CopyId value={inbox.url} />
                        </td>
                        <td data-label="Requests" className="right num">
                          {count(inbox.requests)}
                        </td>
                        <td data-label="Answers" className="num">
                          {inbox.answer.status}
                        </td>
                        <td data-label="Ends">
                          <Time at={inbox.expiresAt} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="inboxes" />
              </>
            )
          }
        </Answer>
      </Card>
      {creating && <Create scope={scope} onClose={() => setSearch({ new: null })} />}
    </>
  )
}

function Create({ scope, onClose }: { scope: Scope; onClose: () => void }) {
  const queries = useQueryClient()
  const [name, setName] = useState('Inbox')
  const [status, setStatus] = useState('200')
  const [delay, setDelay] = useState('0')
  const [failFirst, setFailFirst] = useState('0')
  const [subscribe, setSubscribe] = useState(true)
  const create = useMutation({
    mutationFn: async () => {
      const params = { path: { app_id: scope.app } }
      const answer = { status: Number(status), delayMs: Number(delay), failFirst: Number(failFirst) }
      const inbox = await ask(
        client.POST('/api/v1/app/{app_id}/inbox', { params, body: { name: name.trim(), answer } }),
      )
      if (subscribe) {
        const body = { url: inbox.url, description: `Inbox: ${name.trim()}` }
        const endpoint = await ask(client.POST('/api/v1/app/{app_id}/endpoint', { params, body }))
        await ask(
          client.PATCH('/api/v1/app/{app_id}/inbox/{inbox_id}', {
            params: { path: { app_id: scope.app, inbox_id: inbox.id } },
            body: { endpointId: endpoint.id },
          }),
        )
      }
      return inbox
    },
    onSuccess: (inbox) => {
      queries.invalidateQueries({ queryKey: ['inboxes', scope.app] })
      queries.invalidateQueries({ queryKey: ['endpoints', scope.app] })
      navigate(scope.base + path('inboxes', inbox.id))
    },
  })
  const numeric = (
    label: string,
    hint: string,
    value: string,
    change: (value: string) => void,
    [min, max]: [number, number],
  ) => (
    <TextField
      label={label}
      hint={hint}
      narrow
      type="number"
      min={min}
      max={max}
      required
      value={value}
      onChange={change}
    />
  )
  return (
    <FormDialog title="New inbox" change={create} onClose={onClose}>
      <TextField label="Name" required value={name} onChange={setName} />
      {numeric('Answers with', 'A status from 200 to 599.', status, setStatus, [200, 599])}
      {numeric('After, in milliseconds', 'More than 5,000 is a time-out.', delay, setDelay, [0, 30_000])}
      {numeric('Fails first', 'So many requests get 500.', failFirst, setFailFirst, [0, 1_000])}
      <label className="check">
        <input type="checkbox" checked={subscribe} onChange={(event) => setSubscribe(event.target.checked)} />
        Also create an endpoint that leads to it, for all event types
      </label>
    </FormDialog>
  )
}
