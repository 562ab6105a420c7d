// Why a signature does not verify: the same check as a receiver's, which says what is wrong.

export interface Given {
  secrets: string[]
  id: string
  timestamp: string
  signatures: string
  body: string
}

export interface Verdict {
  ok: boolean
  title: string
  detail: string
  /** What the signature should have been, for each secret that could be read. */
  expected: string[]
}

export type Sign = (key: Uint8Array, content: Uint8Array) => Promise<Uint8Array>

/** What receivers accept between their clock and the timestamp. */
const TOLERANCE_S = 5 * 60
const KEY_BYTES = [24, 64] as const

/** The bytes of a secret, or what is wrong with it. */
export function secretBytes(secret: string): Uint8Array | string {
  const text = secret.trim().replace(/^whsec_/, '')
  if (text.startsWith('whsk_') || text.startsWith('whpk_')) {
    return 'This is an ed25519 key; only symmetric secrets (whsec_…) can be tried here.'
  }
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  } catch {
    return 'What follows whsec_ is no base64.'
  }
  const [least, most] = KEY_BYTES
  if (bytes.length < least || bytes.length > most) {
    return `The secret has ${bytes.length} bytes; it must have ${least} to ${most}.`
  }
  return bytes
}

/** The headers of a request as they were pasted: `name: value` lines. */
export function fromHeaders(text: string): Partial<Pick<Given, 'id' | 'timestamp' | 'signatures'>> {
  const found: Partial<Pick<Given, 'id' | 'timestamp' | 'signatures'>> = {}
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = line.match(/^\s*(?:svix|webhook)-(id|timestamp|signature)\s*:\s*(.*?)\s*$/i) ?? []
    if (!name || value === undefined) continue
    const key = name.toLowerCase()
    if (key === 'id') found.id = value
    else if (key === 'timestamp') found.timestamp = value
    else found.signatures = value
  }
  return found
}

export async function examine(given: Given, sign: Sign, nowMs: number): Promise<Verdict> {
  const no = (title: string, detail: string, expected: string[] = []) => ({
    ok: false,
    title,
    detail,
    expected,
  })
  const id = given.id.trim()
  const timestamp = given.timestamp.trim()
  if (!id || !timestamp || !given.signatures.trim()) {
    return no(
      'Headers are missing',
      'The id, the timestamp and the signature are needed, as the request had them.',
    )
  }
  if (!/^\d+$/.test(timestamp)) return no('The timestamp is no number', 'It is in whole seconds since 1970.')
  const sent = given.signatures.trim().split(/\s+/)
  const symmetric = sent.filter((one) => one.startsWith('v1,'))
  if (symmetric.length === 0) {
    return no('There is no v1 signature', 'Signatures look like v1,… and are separated by spaces.')
  }
  const keys: Uint8Array[] = []
  for (const secret of given.secrets.filter((secret) => secret.trim() !== '')) {
    const bytes = secretBytes(secret)
    if (typeof bytes === 'string') return no('The secret cannot be read', bytes)
    keys.push(bytes)
  }
  if (keys.length === 0) return no('The secret is missing', 'It begins with whsec_.')
  const signed = async (key: Uint8Array, body: string) =>
    `v1,${toBase64(await sign(key, new TextEncoder().encode(`${id}.${timestamp}.${body}`)))}`
  const expected = await Promise.all(keys.map((key) => signed(key, given.body)))
  const matching = expected.findIndex((one) => symmetric.includes(one))
  if (matching >= 0) return fits(matching, timestamp, nowMs, expected)
  for (const [what, body] of variants(given.body)) {
    const others = await Promise.all(keys.map((key) => signed(key, body)))
    if (others.some((one) => symmetric.includes(one)))
      return no('The body was changed on its way', what, expected)
  }
  return no(
    'No signature matches',
    'Either the secret is another endpoint’s or has been rotated, or the id, timestamp or body is not what was sent.',
    expected,
  )
}

function fits(secret: number, timestamp: string, nowMs: number, expected: string[]): Verdict {
  const skew = Math.round(nowMs / 1000 - Number(timestamp))
  const which = secret === 0 ? '' : ' with the second secret'
  if (Math.abs(skew) > TOLERANCE_S) {
    const when = skew > 0 ? `${skew} s old` : `${-skew} s in the future`
    return {
      ok: false,
      title: `The signature is right${which}, and the timestamp too far away`,
      detail: `It is ${when}; receivers accept ${TOLERANCE_S} s. For an old request that is as it should be; for a fresh one, look at the receiver’s clock.`,
      expected,
    }
  }
  return {
    ok: true,
    title: `The signature is right${which}`,
    detail: 'A receiver accepts this request.',
    expected,
  }
}

/** What frameworks do to bodies before they are verified. */
function* variants(body: string): Generator<[string, string]> {
  const again = 'JSON was read and written again before it was verified. Verify the raw bytes.'
  try {
    const parsed = JSON.parse(body)
    yield [again, JSON.stringify(parsed)]
    yield [again, JSON.stringify(parsed, null, 2)]
    yield [again, JSON.stringify(parsed, null, 4)]
    yield [again, pythonJson(parsed)]
  } catch {
    // No JSON.
  }
  const space = 'Space at its beginning or end was added or lost.'
  yield [space, body.trim()]
  yield [space, `${body}\n`]
  yield ['Line ends were changed.', body.replaceAll('\r\n', '\n')]
  yield ['Line ends were changed.', body.replaceAll(/\r?\n/g, '\r\n')]
}

/** As Python's `json.dumps` writes it: with a space after commas and colons. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${pythonJson(each)}`)
    return `{${fields.join(', ')}}`
  }
  return JSON.stringify(value)
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}
