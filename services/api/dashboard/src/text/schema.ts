// What an event type's JSON Schemas say about examples.

/** The newest version's schema; versions are numbers as text. */
export function latest(schemas: unknown): Record<string, unknown> | null {
  if (typeof schemas !== 'object' || schemas === null) return null
  const versions = Object.entries(schemas).sort(([a], [b]) => Number(b) - Number(a))
  const schema = versions[0]?.[1]
  return typeof schema === 'object' && schema !== null ? (schema as Record<string, unknown>) : null
}

/** Of the newest version: all of `examples`, or the only `example`. Only objects can be payloads. */
export function examples(schemas: unknown): unknown[] {
  const schema = latest(schemas)
  const found = Array.isArray(schema?.examples) ? schema.examples : [schema?.example]
  return found.filter((example) => typeof example === 'object' && example !== null && !Array.isArray(example))
}

export function hasExample(schemas: unknown): boolean {
  return examples(schemas).length > 0
}

/** The version that is changed: the newest one, or one more. */
export function nextVersion(schemas: Record<string, unknown>, asNew: boolean): string {
  const newest = Math.max(0, ...Object.keys(schemas).map(Number).filter(Number.isFinite))
  return String(asNew || newest === 0 ? newest + 1 : newest)
}
