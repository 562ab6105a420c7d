import { Plug, Plus } from 'lucide-react'
import type { Schemas } from '../api/client'
import { useApp, useEndpoints } from '../api/queries'
import { Link } from '../app/link'
import { path } from '../app/match'
import type { PageProps } from '../app/routes'
import { type Scope, useScope } from '../app/scope'
import { endpointStatus } from '../text/delivery'
import { CopyId } from '../ui/copy'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'

export default function Endpoints({ params }: PageProps) {
  const scope = useScope(params)
  const query = useEndpoints(scope.app, useCursor())
  const app = useApp(scope.app)
  const create = scope.may('ManageEndpoint') && (
    <Link className="button primary" to={`${scope.base}/endpoints/new`}>
      <Plus size={15} aria-hidden="true" /> New endpoint
    </Link>
  )
  const crumbs = scope.portal ? [] : [{ text: 'Applications', to: '/apps' }]
  if (!scope.portal && app.data) crumbs.push({ text: app.data.name, to: scope.base })
  return (
    <>
      <PageHead
        title="Endpoints"
        crumbs={crumbs}
        about="Each endpoint is a URL that receives events as signed HTTP requests."
      >
        {create}
      </PageHead>
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty icon={<Plug size={26} />} title="No endpoints yet" action={create}>
                Add the URL of your server, or an inbox to look at requests without one. You get a secret with
                it, by which your server knows that requests are genuine.
              </Empty>
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Endpoint</th>
                      <th scope="col">Status</th>
                      <th scope="col">Event types</th>
                      <th scope="col">Id</th>
                      <th scope="col">Created</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((endpoint) => (
                      <Row key={endpoint.id} scope={scope} endpoint={endpoint} />
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="endpoints" />
              </>
            )
          }
        </Answer>
      </Card>
    </>
  )
}

function Row({ scope, endpoint }: { scope: Scope; endpoint: Schemas['EndpointOut'] }) {
  return (
    <tr>
      <td data-label="Endpoint" className="wide">
        <div className="two-lines">
          <Link data-row className="row-link cut" to={scope.base + path('endpoints', endpoint.id)}>
            {endpoint.url}
          </Link>
          {endpoint.description && <span className="dim small cut">{endpoint.description}</span>}
        </div>
      </td>
      <td data-label="Status">
        <StatusBadge {...endpointStatus(endpoint)} />
      </td>
      <td data-label="Event types">
        <EventTypeChips types={endpoint.eventTypes} />
      </td>
      <td data-label="Id">
        <CopyId value={endpoint.id} short />
      </td>
      <td data-label="Created">
        <Time at={endpoint.createdAt} />
      </td>
    </tr>
  )
}

const SHOWN = 2

export function EventTypeChips({
  types,
  all = false,
}: {
  types?: string[] | null | undefined
  all?: boolean
}) {
  if (!types || types.length === 0) return <span className="dim">All, also future ones</span>
  const shown = all ? types : types.slice(0, SHOWN)
  return (
    <span className="chips">
      {shown.map((type) => (
        <span key={type} className="chip">
          {type}
        </span>
      ))}
      {types.length > shown.length && (
        <span className="dim small" title={types.slice(SHOWN).join(', ')}>
          +{types.length - shown.length}
        </span>
      )}
    </span>
  )
}
