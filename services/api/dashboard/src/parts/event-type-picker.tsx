import { useState } from 'react'
import { useEventTypes } from '../api/queries'

const MOST = 250

/** Which event types an endpoint gets: all of them, also future ones, or some. */
export function EventTypePicker({
  value,
  onChange,
}: {
  value: string[] | null
  onChange: (types: string[] | null) => void
}) {
  const query = useEventTypes(undefined, MOST)
  const [filter, setFilter] = useState('')
  const chosen = new Set(value ?? [])
  const known = query.data?.data.map((type) => type.name) ?? []
  const names = [...new Set([...known, ...chosen])].sort()
  const shown = names.filter((name) => name.toLowerCase().includes(filter.trim().toLowerCase()))
  const toggle = (name: string) => {
    const next = new Set(chosen)
    if (!next.delete(name)) next.add(name)
    onChange([...next].sort())
  }
  return (
    <fieldset className="field">
      <legend>Event types</legend>
      <label className="check">
        <input type="radio" name="types" checked={value === null} onChange={() => onChange(null)} />
        All, also those that will be added later
      </label>
      <label className="check">
        <input type="radio" name="types" checked={value !== null} onChange={() => onChange([])} />
        Only these
      </label>
      {value !== null && (
        <div className="picker">
          <input
            className="input"
            aria-label="Search event types"
            placeholder="Search event types"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
          <ul>
            {shown.map((name, index) => {
              const group = name.split('.')[0]
              const first = index === 0 || shown[index - 1]?.split('.')[0] !== group
              return (
                <li key={name} className={first ? 'group' : ''}>
                  <label className="check">
                    <input type="checkbox" checked={chosen.has(name)} onChange={() => toggle(name)} />
                    <span className="mono small">{name}</span>
                  </label>
                </li>
              )
            })}
          </ul>
          {shown.length === 0 && !query.isPending && (
            <p className="dim small">
              {names.length === 0 ? 'No event types are defined yet.' : 'No event type has this in its name.'}
            </p>
          )}
          {query.data && !query.data.done && (
            <p className="dim small">Only the first {MOST} event types are listed here.</p>
          )}
        </div>
      )}
      {value !== null && value.length === 0 && (
        <div className="hint">Choose at least one; none would mean all of them.</div>
      )}
    </fieldset>
  )
}
