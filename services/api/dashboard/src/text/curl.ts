// A request as a command that can be pasted into a shell.

export interface CurlRequest {
  method: string
  url: string
  headers: [string, string][]
  body: string | null
}

export function curl({ method, url, headers, body }: CurlRequest): string {
  const lines = [`curl -X ${method} ${quoted(url)}`]
  for (const [name, value] of headers) lines.push(`-H ${quoted(`${name}: ${value}`)}`)
  if (body !== null) lines.push(`--data-raw ${quoted(body)}`)
  return lines.join(' \\\n  ')
}

/** One word of a POSIX shell, whatever characters are in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
