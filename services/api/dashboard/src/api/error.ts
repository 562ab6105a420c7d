// Errors of the REST API, in its two shapes: one sentence, or a list of fields that break rules.

export interface FieldProblem {
  field: string
  message: string
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problems: FieldProblem[] = [],
  ) {
    super(message)
  }

  /** What is wrong with a field, if it is named. */
  problem(field: string): string | undefined {
    return this.problems.find((one) => one.field === field || one.field.startsWith(`${field}.`))?.message
  }
}

/** Reads an error's body, whatever stands in it. */
export function apiError(status: number, body: unknown): ApiError {
  const { code, detail } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  if (Array.isArray(detail)) {
    const problems = detail.map(fieldProblem)
    const text = problems.map((one) => (one.field ? `${one.field}: ${one.message}` : one.message)).join('; ')
    return new ApiError(status, 'validation', text || `The request was refused (${status}).`, problems)
  }
  const text = typeof detail === 'string' && detail ? detail : `The server answered ${status}.`
  return new ApiError(status, typeof code === 'string' ? code : `status_${status}`, text)
}

function fieldProblem(problem: { loc?: unknown; msg?: unknown }): FieldProblem {
  const loc = Array.isArray(problem?.loc) ? problem.loc.map(String) : []
  const from = ['body', 'query', 'path', 'header'].includes(loc[0] ?? '') ? 1 : 0
  return { field: loc.slice(from).join('.'), message: String(problem?.msg ?? 'is not valid') }
}

/** An error in words for whoever sees it. */
export function inWords(error: unknown): string {
  if (error instanceof ApiError) return error.message
  if (error instanceof TypeError) return 'The server cannot be reached.'
  return error instanceof Error ? error.message : String(error)
}
