import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Plus, Tags } from 'lucide-react'
import { useState } from 'react'
import { ask, client } from '../api/client'
import { useEventTypes } from '../api/queries'
import { Link } from '../app/link'
import { navigate, setSearch, usePlace } from '../app/location'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { useScope } from '../app/scope'
import { latest } from '../text/schema'
import { FormDialog } from '../ui/dialog'
import { TextField } from '../ui/field'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'

export default function EventTypes({ params }: PageProps) {
  const scope = useScope(params)
  const { search } = usePlace()
  const archived = search.get('archived') === '1'
  const query = useEventTypes(useCursor(), undefined, archived)
  const base = scope.portal ? '/portal' : ''
  const create = !scope.portal && (
    <button type="button" className="button primary" onClick={() => setSearch({ new: '1' })}>
      <Plus size={15} aria-hidden="true" /> New event type
    </button>
  )
  return (
    <>
      <PageHead
        title="Event types"
        about="What kinds of events there are, and what is in them. Endpoints choose among them."
      >
        {create}
      </PageHead>
      {!scope.portal && (
        <div className="filters">
          <label className="check">
            <input
              type="checkbox"
              checked={archived}
              onChange={(event) => setSearch({ archived: event.target.checked ? '1' : null, iterator: null })}
            />
            With archived ones
          </label>
        </div>
      )}
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty icon={<Tags size={26} />} title="No event types yet" action={create}>
                Events of any type are accepted; those that are defined here can be chosen and tried out.
              </Empty>
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Name</th>
                      <th scope="col">Description</th>
                      <th scope="col">Schema</th>
                      <th scope="col">Status</th>
                      <th scope="col">Changed</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((type) => (
                      <tr key={type.name}>
                        <td data-label="Name">
                          <Link
                            data-row
                            className="row-link mono small"
                            to={base + path('event-types', type.name)}
                          >
                            {type.name}
                          </Link>
                        </td>
                        <td data-label="Description" className="wide">
                          <div className="cut">{type.description || <span className="dim">–</span>}</div>
                        </td>
                        <td data-label="Schema">
                          {latest(type.schemas) ? 'JSON Schema' : <span className="dim">–</span>}
                        </td>
                        <td data-label="Status">
                          {type.archived ? (
                            <StatusBadge tone="idle" word="Archived" />
                          ) : type.deprecated ? (
                            <StatusBadge tone="wait" word="Deprecated" />
                          ) : (
                            <StatusBadge tone="ok" word="In use" />
                          )}
                        </td>
                        <td data-label="Changed">
                          <Time at={type.updatedAt} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="event types" />
              </>
            )
          }
        </Answer>
      </Card>
      {search.get('new') !== null && <Create onClose={() => setSearch({ new: null })} />}
    </>
  )
}

function Create({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const create = useMutation({
    mutationFn: () =>
      ask(
        client.POST('/api/v1/event-type', { body: { name: name.trim(), description: description.trim() } }),
      ),
    onSuccess: (type) => {
      queries.invalidateQueries({ queryKey: ['event-types'] })
      navigate(path('event-types', type.name))
    },
  })
  return (
    <FormDialog title="New event type" change={create} onClose={onClose}>
      <TextField
        label="Name"
        hint="A dotted name, such as invoice.paid."
        mono
        required
        value={name}
        onChange={setName}
      />
      <TextField
        label="Description"
        hint="When it happens, in a sentence."
        value={description}
        onChange={setDescription}
      />
    </FormDialog>
  )
}
