import { useMutation, useQueryClient } from '@tanstack/react-query'
import { RotateCw } from 'lucide-react'
import { ask, client } from '../api/client'
import { inWords } from '../api/error'
import type { Scope } from '../app/scope'
import { toast } from '../ui/toast'

/** Has an event delivered to an endpoint once more. */
export function ResendButton({
  scope,
  msg,
  endpoint,
  withKey = false,
}: {
  scope: Scope
  msg: string
  endpoint: string
  /** Whether the key `r` presses it. */
  withKey?: boolean
}) {
  const queries = useQueryClient()
  const resend = useMutation({
    mutationFn: () =>
      ask(
        client.POST('/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend', {
          params: { path: { app_id: scope.app, msg_id: msg, endpoint_id: endpoint } },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['event', scope.app, msg] })
      queries.invalidateQueries({ queryKey: ['attempts', scope.app] })
      toast('ok', 'The event is sent once more.')
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <button
      type="button"
      className="button small"
      data-key={withKey ? 'r' : undefined}
      disabled={resend.isPending}
      onClick={() => resend.mutate()}
    >
      <RotateCw size={13} aria-hidden="true" /> Resend
    </button>
  )
}
