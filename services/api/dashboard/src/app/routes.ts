// Every page by its path. The server serves the first parts of these paths (src/dashboard.rs), and a test
// of it looks for them here.

import { type ComponentType, lazy } from 'react'
import type { Params } from './match'

export interface PageProps {
  params: Params
}
type Page = ComponentType<PageProps>

/** Who sees a page: an operator, a customer in the portal, or somebody who is not signed in. */
export type Audience = 'operator' | 'portal' | 'anyone'

export interface Route {
  pattern: string
  audience: Audience
  page: Page
}

function page(load: () => Promise<{ default: Page }>): Page {
  return lazy(load)
}

const overview = page(() => import('../pages/overview'))
const start = page(() => import('../pages/start'))
const calendar = page(() => import('../pages/calendar'))
const inboxes = page(() => import('../pages/inboxes'))
const inbox = page(() => import('../pages/inbox'))
const fleet = page(() => import('../pages/fleet'))
const rejected = page(() => import('../pages/rejected'))
const settings = page(() => import('../pages/settings'))
const applications = page(() => import('../pages/applications'))
const endpoints = page(() => import('../pages/endpoints'))
const newEndpoint = page(() => import('../pages/new-endpoint'))
const endpoint = page(() => import('../pages/endpoint'))
const events = page(() => import('../pages/events'))
const event = page(() => import('../pages/event'))
const eventTypes = page(() => import('../pages/event-types'))
const eventType = page(() => import('../pages/event-type'))
const replays = page(() => import('../pages/replays'))
const signatures = page(() => import('../pages/debugger'))
const signIn = page(() => import('../pages/sign-in'))
const portalLogin = page(() => import('../pages/portal-login'))

export const ROUTES: Route[] = [
  { pattern: '/', audience: 'operator', page: overview },
  { pattern: '/overview', audience: 'operator', page: overview },
  { pattern: '/start', audience: 'operator', page: start },
  { pattern: '/apps', audience: 'operator', page: applications },
  { pattern: '/apps/:app', audience: 'operator', page: endpoints },
  { pattern: '/apps/:app/endpoints', audience: 'operator', page: endpoints },
  { pattern: '/apps/:app/endpoints/new', audience: 'operator', page: newEndpoint },
  { pattern: '/apps/:app/endpoints/:endpoint', audience: 'operator', page: endpoint },
  { pattern: '/apps/:app/events', audience: 'operator', page: events },
  { pattern: '/apps/:app/events/:event', audience: 'operator', page: event },
  { pattern: '/apps/:app/overview', audience: 'operator', page: overview },
  { pattern: '/apps/:app/calendar', audience: 'operator', page: calendar },
  { pattern: '/apps/:app/inboxes', audience: 'operator', page: inboxes },
  { pattern: '/apps/:app/inboxes/:inbox', audience: 'operator', page: inbox },
  { pattern: '/calendar', audience: 'operator', page: calendar },
  { pattern: '/fleet', audience: 'operator', page: fleet },
  { pattern: '/rejected', audience: 'operator', page: rejected },
  { pattern: '/settings', audience: 'operator', page: settings },
  { pattern: '/event-types', audience: 'operator', page: eventTypes },
  { pattern: '/event-types/:type', audience: 'operator', page: eventType },
  { pattern: '/replays', audience: 'operator', page: replays },
  { pattern: '/debugger', audience: 'operator', page: signatures },
  { pattern: '/sign-in', audience: 'anyone', page: signIn },
  { pattern: '/login', audience: 'anyone', page: portalLogin },
  { pattern: '/portal', audience: 'portal', page: endpoints },
  { pattern: '/portal/endpoints', audience: 'portal', page: endpoints },
  { pattern: '/portal/endpoints/new', audience: 'portal', page: newEndpoint },
  { pattern: '/portal/endpoints/:endpoint', audience: 'portal', page: endpoint },
  { pattern: '/portal/events', audience: 'portal', page: events },
  { pattern: '/portal/events/:event', audience: 'portal', page: event },
  { pattern: '/portal/event-types', audience: 'portal', page: eventTypes },
  { pattern: '/portal/event-types/:type', audience: 'portal', page: eventType },
  { pattern: '/portal/replays', audience: 'portal', page: replays },
  { pattern: '/portal/debugger', audience: 'portal', page: signatures },
  { pattern: '/portal/overview', audience: 'portal', page: overview },
  { pattern: '/portal/calendar', audience: 'portal', page: calendar },
  { pattern: '/portal/inboxes', audience: 'portal', page: inboxes },
  { pattern: '/portal/inboxes/:inbox', audience: 'portal', page: inbox },
]
