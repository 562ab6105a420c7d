// Paths and their patterns: `/apps/:app/endpoints/:endpoint`.

export type Params = Record<string, string>

/** The parameters of a path that has the form of a pattern; null if it has not. */
export function match(pattern: string, path: string): Params | null {
  const wanted = parts(pattern)
  const given = parts(path)
  if (wanted.length !== given.length) return null
  const params: Params = {}
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? ''
    if (part.startsWith(':')) {
      const decoded = decode(value)
      if (decoded === null) return null
      params[part.slice(1)] = decoded
    } else if (part !== value) return null
  }
  return params
}

/** A path of parts that may hold any characters. */
export function path(...segments: string[]): string {
  return `/${segments.map(encodeURIComponent).join('/')}`
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '')
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
