import { Check, Copy } from 'lucide-react'
import { useRef, useState } from 'react'
import { shortId } from '../text/id'
import { toast } from './toast'

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    toast('bad', 'The browser does not let this page write to the clipboard.')
    return false
  }
}

function useCopied(text: string): [boolean, () => void] {
  const [copied, setCopied] = useState(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const copy = async () => {
    if (!(await toClipboard(text))) return
    setCopied(true)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setCopied(false), 1500)
  }
  return [copied, copy]
}

/** An id that is copied by a click; bare where it stands beside already. */
export function CopyId({
  value,
  label,
  short = false,
  bare = false,
}: {
  value: string
  label?: string
  short?: boolean
  bare?: boolean
}) {
  const [copied, copy] = useCopied(value)
  const Icon = copied ? Check : Copy
  return (
    <button type="button" className="copy" onClick={copy} title={`Copy ${value}`}>
      <span className={bare ? 'hidden-text' : 'cut'}>{label ?? (short ? shortId(value) : value)}</span>
      <Icon size={12} aria-hidden="true" />
      <span className="hidden-text" aria-live="polite">
        {copied ? 'copied' : ', copy'}
      </span>
    </button>
  )
}

export function CopyButton({
  text,
  children,
  small = true,
}: {
  text: string
  children: string
  small?: boolean
}) {
  const [copied, copy] = useCopied(text)
  const Icon = copied ? Check : Copy
  return (
    <button type="button" className={small ? 'button small' : 'button'} onClick={copy}>
      <Icon size={13} aria-hidden="true" />
      <span aria-live="polite">{copied ? 'Copied' : children}</span>
    </button>
  )
}
