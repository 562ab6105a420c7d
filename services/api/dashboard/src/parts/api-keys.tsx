import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { inWords } from '../api/error'
import { PAGE } from '../api/queries'
import { CopyButton } from '../ui/copy'
import { Confirm, Dialog, FormDialog } from '../ui/dialog'
import { Field, TextField } from '../ui/field'
import { Answer, Card, Empty } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { Time } from '../ui/time'
import { toast } from '../ui/toast'

type ApiKey = Schemas['ApiKeyOut']

const LIVES: [string, string][] = [
  ['', 'until it is revoked'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', '1 year'],
]
const DAY_MS = 86_400_000

export function ApiKeys() {
  const cursor = useCursor()
  const [creating, setCreating] = useState(false)
  const [revoking, setRevoking] = useState<ApiKey | null>(null)
  const query = useQuery({
    queryKey: ['api-keys', cursor],
    queryFn: () =>
      ask(client.GET('/api/v1/api-key', { params: { query: { limit: PAGE, iterator: cursor } } })),
  })
  const create = (
    <button type="button" className="button primary small" onClick={() => setCreating(true)}>
      <Plus size={14} aria-hidden="true" /> New API key
    </button>
  )
  return (
    <Card title="API keys" body={false} actions={create}>
      <Answer query={query}>
        {(list) =>
          list.data.length === 0 ? (
            <Empty icon={<KeyRound size={26} />} title="No API keys yet">
              A key may do what your organisation may. Give each program its own, so that one can be revoked.
            </Empty>
          ) : (
            <>
              <table className="table">
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">Begins with</th>
                    <th scope="col">Last used</th>
                    <th scope="col">Created</th>
                    <th scope="col">Ends</th>
                    <th scope="col">
                      <span className="hidden-text">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {list.data.map((key) => (
                    <tr key={key.id}>
                      <td data-label="Name">{key.name}</td>
                      <td data-label="Begins with" className="mono small">
                        {key.prefix}…
                      </td>
                      <td data-label="Last used">
                        {key.lastUsedAt ? <Time at={key.lastUsedAt} /> : <span className="dim">Never</span>}
                      </td>
                      <td data-label="Created">
                        <Time at={key.createdAt} />
                      </td>
                      <td data-label="Ends">
                        <Time at={key.expiresAt} />
                      </td>
                      <td className="right">
                        <button
                          type="button"
                          className="button small quiet danger"
                          onClick={() => setRevoking(key)}
                        >
                          Revoke<span className="hidden-text"> {key.name}</span>
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <Pager page={list} noun="API keys" />
            </>
          )
        }
      </Answer>
      {creating && <Create onClose={() => setCreating(false)} />}
      {revoking && <Revoke apiKey={revoking} onClose={() => setRevoking(null)} />}
    </Card>
  )
}

function Create({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [days, setDays] = useState('')
  const create = useMutation({
    mutationFn: () => {
      const expiresAt = days ? new Date(Date.now() + Number(days) * DAY_MS).toISOString() : null
      return ask(client.POST('/api/v1/api-key', { body: { name: name.trim(), expiresAt } }))
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['api-keys'] }),
  })
  if (create.data) {
    return (
      <Dialog title="Your new API key" onClose={onClose}>
        <div className="card-body stack">
          <p>This is the only time that it is shown.</p>
          <output className="secret mono" aria-label="API key">
            {create.data.key}
          </output>
        </div>
        <div className="dialog-actions">
          <CopyButton text={create.data.key} small={false}>
            Copy key
          </CopyButton>
          <button type="button" className="button primary" onClick={onClose}>
            Done
          </button>
        </div>
      </Dialog>
    )
  }
  return (
    <FormDialog title="New API key" change={create} onClose={onClose}>
      <TextField
        label="Name"
        hint="Whose it is: a program, or a person."
        required
        value={name}
        onChange={setName}
      />
      <Field label="Valid for">
        {(given) => (
          <select
            {...given}
            className="select"
            value={days}
            onChange={(event) => setDays(event.target.value)}
          >
            {LIVES.map(([key, text]) => (
              <option key={key} value={key}>
                {text}
              </option>
            ))}
          </select>
        )}
      </Field>
    </FormDialog>
  )
}

function Revoke({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: () =>
      ask(client.DELETE('/api/v1/api-key/{key_id}', { params: { path: { key_id: apiKey.id } } })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['api-keys'] })
      toast('ok', `${apiKey.name} was revoked.`)
      onClose()
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <Confirm
      title="Revoke this key?"
      action="Revoke"
      name={apiKey.name}
      busy={revoke.isPending}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      Whatever uses it is refused at once, sessions in browsers that began with it included.
    </Confirm>
  )
}
