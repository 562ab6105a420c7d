import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Pause, Play } from 'lucide-react'
import { useState } from 'react'
import { ask, client, isNotFound, type Schemas } from '../api/client'
import { inWords } from '../api/error'
import { useEndpoint } from '../api/queries'
import { navigate } from '../app/location'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { Deliveries } from '../parts/deliveries'
import { EndpointFacts } from '../parts/endpoint-facts'
import { EndpointSettings } from '../parts/endpoint-settings'
import { Replay } from '../parts/replay'
import { SecretBox } from '../parts/secret'
import { SendExample } from '../parts/send-example'
import { Snippets } from '../parts/snippets'
import { endpointStatus } from '../text/delivery'
import { CopyId } from '../ui/copy'
import { Confirm } from '../ui/dialog'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { type Tab, Tabs, useTab } from '../ui/tabs'
import { toast } from '../ui/toast'

type Endpoint = Schemas['EndpointOut']

function tabsOf(scope: Scope): Tab[] {
  const tabs = [{ key: 'deliveries', text: 'Deliveries' }]
  if (scope.may('CreateAttempts')) {
    tabs.push({ key: 'testing', text: 'Testing' }, { key: 'replay', text: 'Replay' })
  }
  tabs.push({ key: 'settings', text: 'Settings' })
  return tabs
}

export default function EndpointPage({ params }: PageProps) {
  const scope = useScope(params)
  const id = params.endpoint ?? ''
  const query = useEndpoint(scope.app, id)
  const crumbs = [{ text: 'Endpoints', to: `${scope.base}/endpoints` }]
  if (isNotFound(query.error)) {
    return (
      <>
        <PageHead title="Endpoint" crumbs={crumbs} />
        <Card>
          <Empty title="There is no such endpoint">
            It was deleted, or it belongs to another application.
          </Empty>
        </Card>
      </>
    )
  }
  return (
    <Answer query={query}>
      {(endpoint) => (
        <>
          <PageHead
            title={endpoint.url}
            crumbs={crumbs}
            about={
              <span className="row">
                <StatusBadge {...endpointStatus(endpoint)} />
                <CopyId value={endpoint.id} />
                {endpoint.description && <span>{endpoint.description}</span>}
              </span>
            }
          >
            {scope.may('ManageEndpoint') && <PauseButton scope={scope} endpoint={endpoint} />}
          </PageHead>
          <Body scope={scope} endpoint={endpoint} />
        </>
      )}
    </Answer>
  )
}

function Body({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const tabs = tabsOf(scope)
  const tab = useTab(tabs)
  return (
    <>
      <Tabs tabs={tabs} label="Endpoint" />
      <div className="with-aside">
        <div className="stack">
          {tab === 'deliveries' && <Deliveries scope={scope} endpoint={endpoint} />}
          {tab === 'testing' && (
            <>
              <Card title="Send an example to this endpoint alone">
                <SendExample scope={scope} endpoint={endpoint} />
              </Card>
              <Card title="Verify requests">
                <Snippets />
              </Card>
            </>
          )}
          {tab === 'replay' && <Replay scope={scope} endpoint={endpoint} />}
          {tab === 'settings' && (
            <EndpointSettings key={endpoint.updatedAt} scope={scope} endpoint={endpoint} />
          )}
        </div>
        <aside className="stack">
          {scope.may('ViewEndpointSecret') && (
            <Card title="Signing secret">
              <SecretBox scope={scope} endpoint={endpoint.id} />
            </Card>
          )}
          <EndpointFacts scope={scope} endpoint={endpoint} />
          {scope.may('ManageEndpoint') && <DeleteButton scope={scope} endpoint={endpoint} />}
        </aside>
      </div>
    </>
  )
}

function PauseButton({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const queries = useQueryClient()
  const patch = useMutation({
    mutationFn: () =>
      ask(
        client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', {
          params: { path: { app_id: scope.app, endpoint_id: endpoint.id } },
          body: { disabled: !endpoint.disabled },
        }),
      ),
    onSuccess: (now) => {
      queries.setQueryData(['endpoint', scope.app, endpoint.id], now)
      queries.invalidateQueries({ queryKey: ['endpoints', scope.app] })
      toast('ok', now.disabled ? 'The endpoint is paused.' : 'The endpoint is active.')
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  const Icon = endpoint.disabled ? Play : Pause
  return (
    <button type="button" className="button" disabled={patch.isPending} onClick={() => patch.mutate()}>
      <Icon size={14} aria-hidden="true" /> {endpoint.disabled ? 'Activate' : 'Pause'}
    </button>
  )
}

function DeleteButton({ scope, endpoint }: { scope: Scope; endpoint: Endpoint }) {
  const queries = useQueryClient()
  const [asking, setAsking] = useState(false)
  const remove = useMutation({
    mutationFn: () =>
      ask(
        client.DELETE('/api/v1/app/{app_id}/endpoint/{endpoint_id}', {
          params: { path: { app_id: scope.app, endpoint_id: endpoint.id } },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['endpoints', scope.app] })
      toast('ok', 'The endpoint was deleted.')
      navigate(`${scope.base}/endpoints`)
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  const host = URL.parse(endpoint.url)?.host ?? endpoint.id
  return (
    <div>
      <button type="button" className="button danger small" onClick={() => setAsking(true)}>
        Delete this endpoint
      </button>
      {asking && (
        <Confirm
          title="Delete this endpoint?"
          action="Delete"
          name={host}
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          It gets nothing any more, and what waits for it is cancelled. This cannot be undone.
        </Confirm>
      )}
    </div>
  )
}
