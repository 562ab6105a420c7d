import { type ComponentProps, type ReactNode, useId } from 'react'

interface Given {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': boolean | undefined
}

interface About {
  label: ReactNode
  hint?: ReactNode
  problem?: string | undefined
}

/** A labelled control, with its hint and what is wrong with it. */
export function Field({ label, hint, problem, children }: About & { children: (given: Given) => ReactNode }) {
  const id = useId()
  const about = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': about || undefined, 'aria-invalid': problem ? true : undefined })}
      {hint && (
        <div className="hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
      {problem && (
        <div className="problem" id={`${id}-problem`} role="alert">
          {problem}
        </div>
      )}
    </div>
  )
}

interface Text {
  value: string
  onChange: (value: string) => void
  /** In the font of what programs read. */
  mono?: boolean
  /** For few characters. */
  narrow?: boolean
}

/** A labelled line of text. */
export function TextField({
  label,
  hint,
  problem,
  onChange,
  mono = false,
  narrow = false,
  ...more
}: About & Text & Omit<ComponentProps<'input'>, keyof Given | keyof Text | 'className'>) {
  const look = ['input', mono && 'mono', narrow && 'narrow'].filter(Boolean).join(' ')
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(given) => (
        <input {...more} {...given} className={look} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  )
}
