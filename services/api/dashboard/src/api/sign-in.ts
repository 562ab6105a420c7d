// An operator's session: begun with a key, found again after a reload, and ended.

import { sessionEnded, signedInAsOperator } from '../app/session'
import { client } from './client'
import { apiError } from './error'

export async function signIn(apiKey: string) {
  const { data, error, response } = await client.POST('/api/v1/auth/session', { body: { apiKey } })
  if (response.status === 401) throw new Error('This key is not valid.')
  if (!data) throw apiError(response.status, error)
  signedInAsOperator(data)
}

/** Asks whether the browser has a cookie of a session that goes on. */
export async function resume() {
  try {
    const { data } = await client.GET('/api/v1/auth/session')
    if (data) signedInAsOperator(data)
    else sessionEnded()
  } catch {
    sessionEnded()
  }
}

export async function signOut() {
  await client.DELETE('/api/v1/auth/session').catch(() => {})
  sessionEnded()
}
