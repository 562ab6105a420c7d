import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Boxes, ExternalLink, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { inWords } from '../api/error'
import { PAGE } from '../api/queries'
import { Link } from '../app/link'
import { navigate, setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { CopyButton, CopyId } from '../ui/copy'
import { Confirm, Dialog, FormDialog } from '../ui/dialog'
import { TextField } from '../ui/field'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { Time } from '../ui/time'
import { toast } from '../ui/toast'

type Application = Schemas['ApplicationOut']

export default function Applications(_: PageProps) {
  const cursor = useCursor()
  const creating = usePlace().search.get('new') !== null
  const [deleting, setDeleting] = useState<Application | null>(null)
  const query = useQuery({
    queryKey: ['apps', cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app', {
          params: { query: { limit: PAGE, iterator: cursor, order: 'descending' } },
        }),
      ),
    placeholderData: keepPreviousData,
  })
  const create = (
    <button type="button" className="button primary" onClick={() => setSearch({ new: '1' })}>
      <Plus size={15} aria-hidden="true" /> New application
    </button>
  )
  return (
    <>
      <PageHead
        title="Applications"
        about="An application is one of your customers: it has endpoints and gets events."
      >
        <GoTo />
        {create}
      </PageHead>
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty
                icon={<Boxes size={26} />}
                title="No applications yet"
                action={
                  <>
                    <Link className="button" to="/start">
                      Send a first event
                    </Link>
                    {create}
                  </>
                }
              >
                Create one for each of your customers. Their endpoints and events live in it.
              </Empty>
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Name</th>
                      <th scope="col">uid</th>
                      <th scope="col">Id</th>
                      <th scope="col">Created</th>
                      <th scope="col">
                        <span className="hidden-text">Actions</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((app) => (
                      <Row key={app.id} app={app} onDelete={() => setDeleting(app)} />
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="applications" />
              </>
            )
          }
        </Answer>
      </Card>
      {creating && <Create onClose={() => setSearch({ new: null })} />}
      {deleting && <Delete app={deleting} onClose={() => setDeleting(null)} />}
    </>
  )
}

function Row({ app, onDelete }: { app: Application; onDelete: () => void }) {
  return (
    <tr>
      <td data-label="Name" className="wide">
        <Link data-row className="row-link cut" to={path('apps', app.uid ?? app.id)}>
          {app.name}
        </Link>
      </td>
      <td data-label="uid">{app.uid ? <CopyId value={app.uid} /> : <span className="dim">–</span>}</td>
      <td data-label="Id">
        <CopyId value={app.id} short />
      </td>
      <td data-label="Created">
        <Time at={app.createdAt} />
      </td>
      <td className="right">
        <div className="row end">
          <PortalLink app={app} />
          <button type="button" className="button small quiet danger icon" onClick={onDelete}>
            <Trash2 size={14} aria-hidden="true" />
            <span className="hidden-text">Delete {app.name}</span>
          </button>
        </div>
      </td>
    </tr>
  )
}

/** By id or uid, which is faster than to leaf through a list. */
function GoTo() {
  const [text, setText] = useState('')
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault()
        if (text.trim()) navigate(path('apps', text.trim()))
      }}
    >
      <input
        className="input"
        data-search
        aria-label="Open an application by its id or uid"
        placeholder="Open by id or uid"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </form>
  )
}

/** Makes a link for a customer; it works once, so it is made when it is wanted. */
function PortalLink({ app }: { app: Application }) {
  const make = useMutation({
    mutationFn: () =>
      ask(
        client.POST('/api/v1/auth/app-portal-access/{app_id}', {
          params: { path: { app_id: app.id } },
          body: {},
        }),
      ),
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <>
      <button
        type="button"
        className="button small quiet"
        disabled={make.isPending}
        onClick={() => make.mutate()}
      >
        <ExternalLink size={13} aria-hidden="true" /> Portal link
        <span className="hidden-text"> for {app.name}</span>
      </button>
      {make.data && (
        <Dialog title={`Portal of ${app.name}`} onClose={() => make.reset()}>
          <div className="card-body stack">
            <p>
              This link signs in once, within five minutes. Whoever opens it sees the endpoints and events of
              this application, and nothing else.
            </p>
            <input
              className="input mono"
              readOnly
              aria-label="Portal link"
              value={make.data.url}
              onFocus={(event) => event.target.select()}
            />
          </div>
          <div className="dialog-actions">
            <a className="button" href={make.data.url} target="_blank" rel="noopener noreferrer">
              Open
            </a>
            <CopyButton text={make.data.url} small={false}>
              Copy link
            </CopyButton>
          </div>
        </Dialog>
      )}
    </>
  )
}

function Create({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [uid, setUid] = useState('')
  const create = useMutation({
    mutationFn: () =>
      ask(client.POST('/api/v1/app', { body: { name: name.trim(), uid: uid.trim() || null } })),
    onSuccess: (app) => {
      queries.invalidateQueries({ queryKey: ['apps'] })
      navigate(path('apps', app.uid ?? app.id))
    },
  })
  return (
    <FormDialog title="New application" change={create} onClose={onClose}>
      <TextField label="Name" hint="As people call this customer." required value={name} onChange={setName} />
      <TextField
        label="uid"
        hint="Optional: your own name for it, for the API and NATS subjects. Without dots, such as acme."
        mono
        value={uid}
        onChange={setUid}
      />
    </FormDialog>
  )
}

function Delete({ app, onClose }: { app: Application; onClose: () => void }) {
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: () => ask(client.DELETE('/api/v1/app/{app_id}', { params: { path: { app_id: app.id } } })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['apps'] })
      toast('ok', `${app.name} was deleted.`)
      onClose()
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <Confirm
      title="Delete this application?"
      action="Delete"
      name={app.name}
      busy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      Its endpoints get nothing any more, and what waits for them is cancelled. This cannot be undone.
    </Confirm>
  )
}
