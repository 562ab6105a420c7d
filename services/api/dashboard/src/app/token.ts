// What a token says about itself. Nothing here is trusted: it decides what is shown, the server what is done.

export const CAPABILITIES = [
  'ViewBase',
  'ViewEndpointSecret',
  'ManageEndpointSecret',
  'ManageTransformations',
  'CreateAttempts',
  'ManageEndpoint',
] as const
export type Capability = (typeof CAPABILITIES)[number]

export interface Claims {
  app: string | null
  capabilities: string[] | null
  readOnly: boolean
}

export function claims(token: string): Claims | null {
  try {
    const payload = JSON.parse(fromBase64Url(token.split('.')[1] ?? ''))
    const subject = String(payload.sub ?? '')
    return {
      app: subject.startsWith('app_') ? subject : null,
      capabilities: Array.isArray(payload.capabilities) ? payload.capabilities.map(String) : null,
      readOnly: payload.read_only === true,
    }
  } catch {
    return null
  }
}

/** The same decision as the server's: without a list everything, or only looking. */
export function mayDo({ capabilities, readOnly }: Claims, wanted: Capability): boolean {
  const onlyLooks = wanted === 'ViewBase' || wanted === 'ViewEndpointSecret'
  if (capabilities === null) return !readOnly || wanted === 'ViewBase'
  return capabilities.includes(wanted) && (!readOnly || onlyLooks)
}

/** The code in the fragment of a link into the portal: `#key=` and base64url of JSON. */
export function codeOfLink(fragment: string): string | null {
  try {
    const key = new URLSearchParams(fragment.replace(/^#/, '')).get('key')
    const code = key ? JSON.parse(fromBase64Url(key)).oneTimeToken : null
    return typeof code === 'string' && code ? code : null
  } catch {
    return null
  }
}

function fromBase64Url(text: string): string {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
  return new TextDecoder().decode(bytes)
}
