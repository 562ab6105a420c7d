import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Eye, EyeOff, RefreshCw } from 'lucide-react'
import { useId, useState } from 'react'
import { ask, client } from '../api/client'
import { inWords } from '../api/error'
import type { Scope } from '../app/scope'
import { CopyButton } from '../ui/copy'
import { Confirm } from '../ui/dialog'
import { Failure } from '../ui/page'
import { toast } from '../ui/toast'

const MASK = 'whsec_••••••••••••••••••••••••'
/** How long the old secret signs on. */
const OVERLAPS: [string, number][] = [
  ['24 hours', 86_400],
  ['1 hour', 3_600],
  ['not at all', 0],
]

/** An endpoint's secret: hidden until somebody asks for it. */
export function SecretBox({
  scope,
  endpoint,
  revealed = false,
}: {
  scope: Scope
  endpoint: string
  revealed?: boolean
}) {
  const [shown, setShown] = useState(revealed)
  const [rotating, setRotating] = useState(false)
  const params = { path: { app_id: scope.app, endpoint_id: endpoint } }
  const query = useQuery({
    queryKey: ['secret', scope.app, endpoint],
    queryFn: () => ask(client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret', { params })),
    enabled: shown,
    // Nothing that nobody looks at is kept.
    gcTime: 0,
  })
  const secret = shown ? query.data?.key : undefined
  const Icon = shown ? EyeOff : Eye
  return (
    <div className="stack tight">
      <output className="secret mono" aria-label="Signing secret">
        {secret ?? MASK}
      </output>
      {query.error && <Failure error={query.error} />}
      <div className="row">
        <button type="button" className="button small" onClick={() => setShown(!shown)}>
          <Icon size={13} aria-hidden="true" /> {shown ? 'Hide' : 'Reveal'}
        </button>
        {secret && <CopyButton text={secret}>Copy secret</CopyButton>}
        {scope.may('ManageEndpointSecret') && (
          <button type="button" className="button small" onClick={() => setRotating(true)}>
            <RefreshCw size={13} aria-hidden="true" /> Rotate
          </button>
        )}
      </div>
      {rotating && <Rotate scope={scope} endpoint={endpoint} onClose={() => setRotating(false)} />}
    </div>
  )
}

function Rotate({ scope, endpoint, onClose }: { scope: Scope; endpoint: string; onClose: () => void }) {
  const queries = useQueryClient()
  const [overlap, setOverlap] = useState(86_400)
  const id = useId()
  const rotate = useMutation({
    mutationFn: () =>
      ask(
        client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate', {
          params: { path: { app_id: scope.app, endpoint_id: endpoint } },
          body: { gracePeriodSeconds: overlap },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['secret', scope.app, endpoint] })
      toast('ok', 'The secret was rotated.')
      onClose()
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <Confirm
      title="Rotate the secret?"
      action="Rotate"
      danger={overlap === 0}
      busy={rotate.isPending}
      onConfirm={() => rotate.mutate()}
      onClose={onClose}
    >
      <div className="stack">
        <p>
          Requests are signed with a new secret at once. Until the old one ends, they carry both signatures.
        </p>
        <div className="field">
          <label htmlFor={id}>The old secret signs on for</label>
          <select
            id={id}
            className="select"
            value={overlap}
            onChange={(event) => setOverlap(Number(event.target.value))}
          >
            {OVERLAPS.map(([text, seconds]) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        </div>
      </div>
    </Confirm>
  )
}
