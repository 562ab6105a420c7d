// What several pages ask for.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { ask, client } from './client'

export const PAGE = 50

export function useApp(app: string) {
  return useQuery({
    queryKey: ['app', app],
    queryFn: () => ask(client.GET('/api/v1/app/{app_id}', { params: { path: { app_id: app } } })),
    staleTime: 60_000,
    enabled: app !== '',
  })
}

/** Which endpoints of an application; empty = all. */
export interface EndpointFilter {
  search: string
  disabled: '' | 'true' | 'false'
}

function endpointQuery({ search, disabled }: EndpointFilter, iterator: string | undefined) {
  return {
    limit: PAGE,
    iterator,
    order: 'descending' as const,
    search: search || undefined,
    disabled: disabled === '' ? undefined : disabled === 'true',
  }
}

export function useEndpoints(app: string, filter: EndpointFilter, iterator?: string) {
  return useQuery({
    queryKey: ['endpoints', app, filter, iterator],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/endpoint', {
          params: { path: { app_id: app }, query: endpointQuery(filter, iterator) },
        }),
      ),
    placeholderData: keepPreviousData,
  })
}

/** What happened lately at the endpoints of a page of their list. */
export function useEndpointActivity(app: string, filter: EndpointFilter, iterator?: string) {
  return useQuery({
    queryKey: ['endpoint-activity', app, filter, iterator],
    queryFn: async () => {
      const { data } = await ask(
        client.GET('/api/v1/app/{app_id}/endpoint-activity', {
          params: { path: { app_id: app }, query: endpointQuery(filter, iterator) },
        }),
      )
      return new Map(data.map((one) => [one.endpointId, one]))
    },
    refetchInterval: 15_000,
    placeholderData: keepPreviousData,
  })
}

export function useEndpoint(app: string, endpoint: string) {
  return useQuery({
    queryKey: ['endpoint', app, endpoint],
    queryFn: () =>
      ask(
        client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}', {
          params: { path: { app_id: app, endpoint_id: endpoint } },
        }),
      ),
  })
}

export function useEventTypes(iterator?: string, limit = PAGE, archived = false) {
  return useQuery({
    queryKey: ['event-types', iterator, limit, archived],
    queryFn: () =>
      ask(
        client.GET('/api/v1/event-type', {
          params: { query: { limit, iterator, with_content: true, include_archived: archived } },
        }),
      ),
    placeholderData: keepPreviousData,
  })
}
