// Where a trace is looked at.

/** As W3C Trace Context has it; anything else could be the rest of another address. */
const TRACE_ID = /^[0-9a-f]{32}$/

export function traceUrl(template: string | null, traceId: string): string | null {
  if (!template || !TRACE_ID.test(traceId)) return null
  return template.replaceAll('{trace_id}', traceId)
}
