import { useQuery } from '@tanstack/react-query'
import {
  Activity,
  BookOpen,
  Boxes,
  CalendarClock,
  ChartColumn,
  FileSearch,
  History,
  Inbox,
  Keyboard,
  LogOut,
  type LucideIcon,
  Mail,
  Menu,
  Monitor,
  Moon,
  Plug,
  Server,
  Settings,
  ShieldAlert,
  Sun,
  Tags,
} from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { ask, client } from '../api/client'
import { signOut } from '../api/sign-in'
import { Dialog } from '../ui/dialog'
import { KEYS } from './keyboard'
import { Link } from './link'
import { navigate } from './location'
import { usePortalLook } from './look'
import type { Params } from './match'
import { path as pathOf } from './match'
import { useSession } from './session'
import { setTheme, type Theme, useTheme } from './theme'

interface Item {
  to: string
  text: string
  icon: LucideIcon
  /** Other paths that belong to it. */
  also?: string[]
}

const LAST_APP = 'posthorn.app'

const OPERATOR: Item[] = [
  { to: '/overview', text: 'Overview', icon: Activity, also: ['/'] },
  { to: '/apps', text: 'Applications', icon: Boxes },
]
const MORE: Item[] = [
  { to: '/event-types', text: 'Event types', icon: Tags },
  { to: '/calendar', text: 'Retry calendar', icon: CalendarClock },
  { to: '/replays', text: 'Replay jobs', icon: History },
  { to: '/debugger', text: 'Signature debugger', icon: FileSearch },
]
/** Only for the organisation that runs the fleet. */
const RUNNING: Item[] = [
  { to: '/rejected', text: 'Rejected input', icon: ShieldAlert },
  { to: '/fleet', text: 'Fleet', icon: Server },
]
const SETTINGS: Item = { to: '/settings', text: 'Settings', icon: Settings }
const PORTAL: Item[] = [
  { to: '/portal/event-types', text: 'Event types', icon: Tags },
  { to: '/portal/replays', text: 'Replay jobs', icon: History },
  { to: '/portal/debugger', text: 'Signature debugger', icon: FileSearch },
]

function ofApplication(base: string): Item[] {
  return [
    { to: `${base}/endpoints`, text: 'Endpoints', icon: Plug, also: [base] },
    { to: `${base}/events`, text: 'Events', icon: Mail },
    { to: `${base}/overview`, text: 'Deliveries', icon: ChartColumn },
    { to: `${base}/calendar`, text: 'Retries', icon: CalendarClock },
    { to: `${base}/inboxes`, text: 'Inboxes', icon: Inbox },
  ]
}

export function Shell({ path, params, children }: { path: string; params: Params; children: ReactNode }) {
  const main = useRef<HTMLElement>(null)
  const [open, setOpen] = useState(false)
  const first = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new path is what closes the menu
  useEffect(() => {
    setOpen(false)
    if (first.current) first.current = false
    else {
      main.current?.focus({ preventScroll: true })
      window.scrollTo(0, 0)
    }
  }, [path])
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <div className="top">
        <Brand />
        <button
          type="button"
          className="button quiet icon"
          aria-expanded={open}
          aria-controls="side"
          onClick={() => setOpen(!open)}
        >
          <Menu size={18} aria-hidden="true" />
          <span className="hidden-text">Menu</span>
        </button>
      </div>
      <Side path={path} params={params} open={open} />
      <main className="main" id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function Brand() {
  const portal = useSession()?.kind === 'portal'
  const look = usePortalLook()
  return (
    <Link className="brand" to={portal ? '/portal' : '/overview'}>
      {!portal && <img src="/assets/icon.svg" alt="" />}
      {portal && look?.logo && <img src={look.logo} alt="" />}
      <span className="cut">{portal ? (look?.displayName ?? 'Webhooks') : 'Posthorn'}</span>
    </Link>
  )
}

function Side({ path, params, open }: { path: string; params: Params; open: boolean }) {
  const session = useSession()
  const portal = session?.kind === 'portal'
  const app = useCurrentApp(params)
  return (
    <aside className="side" id="side" data-open={open} aria-label="Menu">
      <Brand />
      {portal ? (
        <Nav label="Portal" path={path} items={[...ofApplication('/portal'), ...PORTAL]} />
      ) : (
        <>
          <Nav label="All applications" path={path} items={OPERATOR} />
          {app && (
            <>
              <div className="nav-title">
                <AppName app={app} />
              </div>
              <Nav label="Application" path={path} items={ofApplication(pathOf('apps', app))} />
            </>
          )}
          <div className="nav-title">Posthorn</div>
          <Nav label="More" path={path} items={[...MORE, ...(session?.operator ? RUNNING : []), SETTINGS]} />
        </>
      )}
      <div className="side-end">
        <ThemeButton />
        <KeysButton />
        {!portal && (
          <a className="button quiet icon" href="/docs" title="REST API">
            <BookOpen size={15} aria-hidden="true" />
            <span className="hidden-text">REST API</span>
          </a>
        )}
        {!portal && (
          <button
            type="button"
            className="button quiet icon"
            title="Sign out"
            onClick={() => {
              signOut().then(() => navigate('/sign-in'))
            }}
          >
            <LogOut size={15} aria-hidden="true" />
            <span className="hidden-text">Sign out</span>
          </button>
        )}
      </div>
    </aside>
  )
}

function Nav({ label, items, path }: { label: string; items: Item[]; path: string }) {
  return (
    <nav className="nav" aria-label={label}>
      <ul>
        {items.map(({ to, text, icon: Icon, also = [] }) => {
          const here = path === to || path.startsWith(`${to}/`) || also.includes(path)
          const deeper = to !== '/apps' || path === '/apps'
          return (
            <li key={to}>
              <Link to={to} aria-current={here && deeper ? 'page' : undefined}>
                <Icon size={15} aria-hidden="true" />
                {text}
              </Link>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

/** The application in the address, or else the last one that was. */
function useCurrentApp(params: Params): string | null {
  const here = params.app
  useEffect(() => {
    if (here) window.sessionStorage.setItem(LAST_APP, here)
  }, [here])
  if (here) return here
  try {
    return window.sessionStorage.getItem(LAST_APP)
  } catch {
    return null
  }
}

function AppName({ app }: { app: string }) {
  const query = useQuery({
    queryKey: ['app', app],
    queryFn: () => ask(client.GET('/api/v1/app/{app_id}', { params: { path: { app_id: app } } })),
    staleTime: 60_000,
  })
  return <div className="cut">{query.data?.name ?? app}</div>
}

const THEMES: Record<Theme, { next: Theme; icon: LucideIcon; text: string }> = {
  auto: { next: 'light', icon: Monitor, text: 'Theme: as the system' },
  light: { next: 'dark', icon: Sun, text: 'Theme: light' },
  dark: { next: 'auto', icon: Moon, text: 'Theme: dark' },
}

function ThemeButton() {
  const { next, icon: Icon, text } = THEMES[useTheme()]
  return (
    <button type="button" className="button quiet icon" title={text} onClick={() => setTheme(next)}>
      <Icon size={15} aria-hidden="true" />
      <span className="hidden-text">{text}</span>
    </button>
  )
}

function KeysButton() {
  const [open, setOpen] = useState(false)
  return (
    <>
      <button
        type="button"
        className="button quiet icon"
        data-key="?"
        title="Keys"
        onClick={() => setOpen(true)}
      >
        <Keyboard size={15} aria-hidden="true" />
        <span className="hidden-text">Keys</span>
      </button>
      {open && (
        <Dialog title="Keys" onClose={() => setOpen(false)}>
          <dl className="facts card-body">
            {KEYS.map(([key, text]) => (
              <div key={key} className="fact-row">
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
    </>
  )
}
