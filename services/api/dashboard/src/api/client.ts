// The REST API, typed from its OpenAPI document.

import createClient, { type Middleware } from 'openapi-fetch'
import { type Session, sessionEnded, theSession } from '../app/session'
import { ApiError, apiError } from './error'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

/** How requests say who makes them. */
export function credentials(session: Session | null): Record<string, string> {
  if (session?.token) return { authorization: `Bearer ${session.token}` }
  if (session?.csrf) return { 'posthorn-csrf': session.csrf }
  return {}
}

const withCredentials: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(credentials(theSession()))) {
      if (!request.headers.has(name)) request.headers.set(name, value)
    }
    return request
  },
}

export const client = createClient<paths>({ baseUrl: window.location.origin })
client.use(withCredentials)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** What a request was answered with; an error is thrown, and an ended session is ended here, too. */
export async function ask<T>(request: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await request
  if (response.ok) return data as T
  const failure = apiError(response.status, error)
  if (failure.status === 401) sessionEnded()
  throw failure
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}
