// Ids where there is no room for all of one: the prefix tells the kind, the end tells it from others.

const [HEAD, TAIL] = [5, 6]

export function shortId(id: string): string {
  const prefix = id.indexOf('_') + 1
  if (prefix === 0 || id.length <= prefix + HEAD + TAIL + 1) return id
  return `${id.slice(0, prefix + HEAD)}…${id.slice(-TAIL)}`
}
