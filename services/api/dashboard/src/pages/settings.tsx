import { useQuery } from '@tanstack/react-query'
import { ask, client } from '../api/client'
import type { PageProps } from '../app/routes'
import { ApiKeys } from '../parts/api-keys'
import { PortalLookForm } from '../parts/portal-look'
import { ServerFacts } from '../parts/server-facts'
import { Answer, Card, PageHead } from '../ui/page'
import { Tabs, useTab } from '../ui/tabs'

const TABS = [
  { key: 'keys', text: 'API keys' },
  { key: 'portal', text: 'Portal' },
  { key: 'server', text: 'Server' },
]

export default function Settings(_: PageProps) {
  const tab = useTab(TABS)
  return (
    <>
      <PageHead
        title="Settings"
        about="Of your organisation. What holds for the whole fleet is set where it runs."
      />
      <Tabs tabs={TABS} label="Settings" />
      {tab === 'keys' && <ApiKeys />}
      {tab === 'portal' && <Portal />}
      {tab === 'server' && <ServerFacts />}
    </>
  )
}

function Portal() {
  const query = useQuery({
    queryKey: ['portal-look'],
    queryFn: () => ask(client.GET('/api/v1/portal-look')),
  })
  return (
    <Answer query={query}>
      {(look) => (
        <div className="columns">
          <Card title="Look">
            <PortalLookForm key={JSON.stringify(look)} look={look} />
          </Card>
          <Card title="In a frame">
            <div className="stack">
              <p>
                Ask the API for a link when your customer opens the page, and put it into an iframe. It signs
                in once, within five minutes, and needs no cookies.
              </p>
              <p className="dim small">
                Which sites may show it is set for the whole server:{' '}
                <code>POSTHORN_PORTAL_FRAME_ANCESTORS</code>.
              </p>
            </div>
          </Card>
        </div>
      )}
    </Answer>
  )
}
