// Why an attempt failed, in words.

const WORDS: Record<string, string> = {
  dns: 'Name not found',
  connect: 'No connection',
  refused: 'Connection refused',
  reset: 'Connection reset',
  tls: 'TLS failed',
  timeout: 'Timed out',
  protocol: 'Not HTTP',
  blocked_address: 'Address not allowed',
  redirect: 'Redirect',
  request: 'Request not possible',
  auth: 'No token',
}

export function failureInWords(failure: string | null | undefined, code: number): string {
  const word = failure ? WORDS[failure] : undefined
  if (word) return code > 0 ? `${word} · ${code}` : word
  return code > 0 ? `Answered ${code}` : 'Failed'
}
