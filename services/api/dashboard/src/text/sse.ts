// The text of an event stream, taken apart. *Source*: the HTML standard's event stream format.

export interface StreamEvent {
  event: string
  data: string
  id: string | null
}

/** Feeds pieces of text in, as they come, and gets whole events out. */
export function eventParser(): (piece: string) => StreamEvent[] {
  let rest = ''
  let current: { event: string; data: string[]; id: string | null } = { event: '', data: [], id: null }
  return (piece) => {
    const done: StreamEvent[] = []
    rest += piece
    let end = rest.search(/\r\n|\n|\r(?!$)/)
    while (end >= 0) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + (rest.startsWith('\r\n', end) ? 2 : 1))
      if (line === '') {
        if (current.data.length > 0) {
          done.push({ event: current.event || 'message', data: current.data.join('\n'), id: current.id })
        }
        current = { event: '', data: [], id: null }
      } else if (!line.startsWith(':')) {
        const colon = line.indexOf(':')
        const field = colon < 0 ? line : line.slice(0, colon)
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (field === 'data') current.data.push(value)
        else if (field === 'event') current.event = value
        else if (field === 'id') current.id = value
      }
      end = rest.search(/\r\n|\n|\r(?!$)/)
    }
    return done
  }
}
