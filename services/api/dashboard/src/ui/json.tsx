import { Fragment, type ReactNode } from 'react'
import { CopyButton } from './copy'

/** Beyond it, colours would cost more than they help. */
const COLOURED = 200_000
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g

/** JSON with colours, as text: nothing in it ever becomes markup. */
function coloured(text: string): ReactNode {
  if (text.length > COLOURED) return text
  const parts: ReactNode[] = []
  let end = 0
  for (const found of text.matchAll(TOKEN)) {
    parts.push(text.slice(end, found.index))
    const [whole, string, colon] = found
    const kind = string === undefined ? 'json-other' : colon === undefined ? 'json-text' : 'json-key'
    parts.push(
      <span key={found.index} className={kind}>
        {string ?? whole}
      </span>,
    )
    if (colon) parts.push(colon)
    end = found.index + whole.length
  }
  parts.push(text.slice(end))
  return parts.map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
    <Fragment key={index}>{part}</Fragment>
  ))
}

/** Indented if it is JSON, else as it is. */
export function pretty(text: string): { text: string; json: boolean } {
  try {
    return { text: JSON.stringify(JSON.parse(text), null, 2), json: true }
  } catch {
    return { text, json: false }
  }
}

export function Code({
  text,
  label,
  json,
  copy = 'Copy',
}: {
  text: string
  label: string
  json?: boolean
  copy?: string
}) {
  const shown = json ? pretty(text) : { text, json: false }
  return (
    <figure className="code" aria-label={label}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keys */}
      <pre tabIndex={0}>{shown.json ? coloured(shown.text) : shown.text}</pre>
      <CopyButton text={text}>{copy}</CopyButton>
    </figure>
  )
}
