import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { ask, client, type Schemas } from '../api/client'
import { Field, TextField } from '../ui/field'
import { Failure } from '../ui/page'
import { toast } from '../ui/toast'

type Theme = Schemas['Theme']

/** As the API has it. */
const LOGO_BYTES = 64 * 1024
const THEMES: [Theme, string][] = [
  ['auto', 'As the customer’s system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

function asDataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(new Error('The file cannot be read.'))
    reader.readAsDataURL(file)
  })
}

/** How the portal looks to customers. */
export function PortalLookForm({ look }: { look: Schemas['PortalLook'] }) {
  const queries = useQueryClient()
  const logoId = useId()
  const [displayName, setDisplayName] = useState(look.displayName ?? '')
  const [accent, setAccent] = useState(look.accentColor ?? '')
  const [logo, setLogo] = useState(look.logo ?? null)
  const [theme, setTheme] = useState<Theme>(look.theme ?? 'auto')
  const save = useMutation({
    mutationFn: () => {
      const body = { displayName: displayName.trim() || null, accentColor: accent || null, logo, theme }
      return ask(client.PUT('/api/v1/portal-look', { body }))
    },
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['portal-look'] })
      toast('ok', 'The portal’s look was saved.')
    },
  })
  const choose = useMutation({
    mutationFn: async (file: File) => {
      if (file.size > LOGO_BYTES) throw new Error('A logo may have 64 KiB.')
      return asDataUrl(file)
    },
    onSuccess: setLogo,
  })
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault()
        save.mutate()
      }}
    >
      <TextField
        label="Name"
        hint="Shown instead of Webhooks."
        maxLength={64}
        value={displayName}
        onChange={setDisplayName}
      />
      <TextField
        label="Accent colour"
        hint="As #rrggbb. Text on it is white or black, whichever can be read."
        mono
        narrow
        pattern="#[0-9a-fA-F]{6}"
        placeholder="#2b50c8"
        value={accent}
        onChange={setAccent}
      />
      <div className="field">
        <label htmlFor={logoId}>Logo</label>
        <div className="row">
          {logo && <img className="logo" src={logo} alt="The logo as it is now" />}
          <input
            id={logoId}
            type="file"
            accept="image/png,image/jpeg,image/webp,image/svg+xml"
            onChange={(event) => {
              const file = event.target.files?.[0]
              if (file) choose.mutate(file)
            }}
          />
          {logo && (
            <button type="button" className="button small" onClick={() => setLogo(null)}>
              Remove
            </button>
          )}
        </div>
      </div>
      <Field label="Theme">
        {(given) => (
          <select
            {...given}
            className="select narrow"
            value={theme}
            onChange={(event) => setTheme(event.target.value as Theme)}
          >
            {THEMES.map(([key, text]) => (
              <option key={key} value={key}>
                {text}
              </option>
            ))}
          </select>
        )}
      </Field>
      {(choose.error ?? save.error) && <Failure error={choose.error ?? save.error} />}
      <div>
        <button type="submit" className="button primary" disabled={save.isPending}>
          Save
        </button>
      </div>
    </form>
  )
}
