import { X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { TextField } from './field'
import { Failure } from './page'

const FIELDS = 'form :is(input, select, textarea)'

/** The browser's own modal dialog: it keeps the focus, closes with Escape and gives the focus back. */
export function Dialog({
  title,
  onClose,
  children,
  drawer = false,
}: {
  title: ReactNode
  onClose: () => void
  children: ReactNode
  drawer?: boolean
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const shown = dialog.current
    const before = document.activeElement
    if (shown && !shown.open) {
      shown.showModal()
      // Whoever opens a form wants to write into it; else the browser chooses.
      shown.querySelector<HTMLElement>(FIELDS)?.focus()
    }
    return () => {
      shown?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click on the backdrop is what Escape is for keys
    <dialog
      ref={dialog}
      className={drawer ? 'drawer' : ''}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <div className="card-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" className="button quiet icon" onClick={onClose}>
          <X size={16} aria-hidden="true" />
          <span className="hidden-text">Close</span>
        </button>
      </div>
      {children}
    </dialog>
  )
}

/** A dialog with a form: shows why it was refused, and cannot be sent twice. */
export function FormDialog({
  title,
  action = 'Create',
  change,
  onClose,
  children,
}: {
  title: string
  action?: string
  change: { mutate: () => void; isPending: boolean; error: unknown }
  onClose: () => void
  children: ReactNode
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate()
        }}
      >
        <div className="card-body stack">
          {children}
          {Boolean(change.error) && <Failure error={change.error} />}
        </div>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={change.isPending}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** Asks before something that cannot be undone; with a name, that has to be typed. */
export function Confirm({
  title,
  children,
  action,
  name,
  onConfirm,
  onClose,
  busy = false,
  danger = true,
}: {
  title: string
  children: ReactNode
  action: string
  name?: string
  onConfirm: () => void
  onClose: () => void
  busy?: boolean
  danger?: boolean
}) {
  const [typed, setTyped] = useState('')
  const ready = name === undefined || typed.trim() === name
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (ready && !busy) onConfirm()
        }}
      >
        <div className="card-body stack">
          <div>{children}</div>
          {name !== undefined && (
            <TextField
              label={
                <>
                  Type <code>{name}</code> to confirm
                </>
              }
              mono
              autoComplete="off"
              value={typed}
              onChange={setTyped}
            />
          )}
        </div>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className={danger ? 'button primary danger' : 'button primary'}
            disabled={!ready || busy}
          >
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
