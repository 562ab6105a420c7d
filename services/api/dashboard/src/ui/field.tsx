import { type ReactNode, useId } from 'react'

interface Given {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': boolean | undefined
}

/** A labelled control, with its hint and what is wrong with it. */
export function Field({
  label,
  hint,
  problem,
  children,
}: {
  label: ReactNode
  hint?: ReactNode
  problem?: string | undefined
  children: (given: Given) => ReactNode
}) {
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
