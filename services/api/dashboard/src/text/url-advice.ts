// What is worth knowing about an endpoint's URL before the server refuses it, or the first delivery fails.

const PRIVATE = [
  /^127\./,
  /^10\./,
  /^192\.168\./,
  /^172\.(1[6-9]|2\d|3[01])\./,
  /^169\.254\./,
  /^0\./,
  /^\[::1?\]$/,
  /^\[f[cd]/,
  /^\[fe80:/,
]

export function urlAdvice(text: string): string | undefined {
  if (text.trim() === '') return undefined
  let url: URL
  try {
    url = new URL(text.trim())
  } catch {
    return 'A whole URL is needed, such as https://example.com/webhooks.'
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Only https and http are possible.'
  const host = url.hostname
  if (host === 'localhost' || host.endsWith('.localhost') || PRIVATE.some((range) => range.test(host))) {
    return 'This is a private address: it is reached only if the operator has allowed it.'
  }
  if (url.protocol === 'http:') return 'Without https, anybody on the way can read and change requests.'
  return undefined
}
