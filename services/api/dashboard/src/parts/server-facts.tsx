import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ask, client } from '../api/client'
import { count, counted } from '../text/number'
import { scheduleInWords } from '../text/schedule'
import { span } from '../text/time'
import { Answer, Card } from '../ui/page'

/** What holds for every organisation, and where that is set. */
export function ServerFacts() {
  const query = useQuery({
    queryKey: ['server'],
    queryFn: () => ask(client.GET('/api/v1/server')),
    staleTime: 60_000,
  })
  return (
    <Card title="Set where the server runs" body={false}>
      <Answer query={query} lines={5}>
        {(server) => (
          <dl className="facts card-body">
            <Fact name="History is kept" setting="POSTHORN_RETENTION_DAYS">
              {counted(server.retentionDays, 'day')}
            </Fact>
            <Fact name="Retries" setting="POSTHORN_RETRY_SCHEDULE">
              {server.retrySchedule ? scheduleInWords(server.retrySchedule) : 'no sender says at the moment'}
            </Fact>
            <Fact name="Endpoints that only fail" setting="POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER">
              {server.endpointDisabledAfterSeconds
                ? `are disabled after ${span(server.endpointDisabledAfterSeconds)}`
                : 'are never disabled'}
            </Fact>
            <Fact name="Warnings of that" setting="POSTHORN_ENDPOINT_WARN_AFTER">
              {server.endpointWarnedAfterSeconds.length > 0
                ? `after ${server.endpointWarnedAfterSeconds.map(span).join(', ')}`
                : 'none'}
            </Fact>
            <Fact name="Endpoints of an application" setting="POSTHORN_API_MAX_ENDPOINTS_PER_APPLICATION">
              {count(server.maxEndpointsPerApplication)} at most
            </Fact>
            <Fact name="URLs of endpoints" setting="POSTHORN_ENDPOINT_HTTPS_ONLY">
              {server.httpsOnly ? 'https only' : 'http and https'}
            </Fact>
          </dl>
        )}
      </Answer>
    </Card>
  )
}

function Fact({ name, setting, children }: { name: string; setting: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="two-lines">
        <span>{children}</span>
        <code className="dim small">{setting}</code>
      </dd>
    </>
  )
}
