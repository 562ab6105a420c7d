import { Plus, X } from 'lucide-react'
import { useId } from 'react'

export interface HeaderRow {
  key: number
  name: string
  value: string
}

let lastKey = 0

export function headerRow(name = '', value = ''): HeaderRow {
  lastKey += 1
  return { key: lastKey, name, value }
}

export function headersOf(rows: HeaderRow[]): Record<string, string> {
  const named = rows.filter((row) => row.name.trim() !== '')
  return Object.fromEntries(named.map((row) => [row.name.trim(), row.value]))
}

/** Headers that are added to each delivery. */
export function HeadersEditor({
  rows,
  onChange,
}: {
  rows: HeaderRow[]
  onChange: (rows: HeaderRow[]) => void
}) {
  const id = useId()
  const change = (row: HeaderRow, next: Partial<HeaderRow>) =>
    onChange(rows.map((each) => (each === row ? { ...row, ...next } : each)))
  return (
    <fieldset className="field">
      <legend>Headers</legend>
      {rows.map((row, index) => (
        <div key={row.key} className="header-row">
          <input
            className="input mono"
            aria-label={`Name of header ${index + 1}`}
            placeholder="x-api-key"
            value={row.name}
            onChange={(event) => change(row, { name: event.target.value })}
          />
          <input
            className="input mono"
            aria-label={`Value of header ${index + 1}`}
            placeholder="value"
            value={row.value}
            onChange={(event) => change(row, { value: event.target.value })}
          />
          <button
            type="button"
            className="button quiet icon"
            onClick={() => onChange(rows.filter((each) => each !== row))}
          >
            <X size={14} aria-hidden="true" />
            <span className="hidden-text">Remove header {index + 1}</span>
          </button>
        </div>
      ))}
      <div>
        <button
          type="button"
          className="button small"
          aria-describedby={id}
          onClick={() => onChange([...rows, headerRow()])}
        >
          <Plus size={13} aria-hidden="true" /> Add a header
        </button>
      </div>
      <div className="hint" id={id}>
        Added to each request. Values of headers such as <code>authorization</code> are not shown again.
      </div>
    </fieldset>
  )
}
