import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { navigate } from './location'

type Props = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string }

/** A link within the dashboard. Everything that a browser can do with links works. */
export function Link({ to, onClick, ...rest }: Props) {
  const click = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
    if (event.defaultPrevented || !plain || rest.target) return
    event.preventDefault()
    navigate(to)
  }
  return <a href={to} onClick={click} {...rest} />
}
