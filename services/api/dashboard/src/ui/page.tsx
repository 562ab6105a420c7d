import { CircleAlert } from 'lucide-react'
import { Fragment, type ReactNode, useEffect } from 'react'
import { inWords } from '../api/error'
import { Link } from '../app/link'

export interface Crumb {
  text: string
  to: string
}

/** The head of a page, which also names the tab. */
export function PageHead({
  title,
  name,
  about,
  crumbs = [],
  children,
}: {
  title: ReactNode
  /** The title as plain text, where it is more than that. */
  name?: string
  about?: ReactNode
  crumbs?: Crumb[]
  children?: ReactNode
}) {
  const text = name ?? (typeof title === 'string' ? title : 'Posthorn')
  useEffect(() => {
    document.title = `${text} · Posthorn`
  }, [text])
  return (
    <header className="page-head">
      <div>
        {crumbs.length > 0 && (
          <nav className="crumbs" aria-label="Breadcrumb">
            {crumbs.map((crumb, index) => (
              <Fragment key={crumb.to}>
                {index > 0 && <span aria-hidden="true">/</span>}
                <Link to={crumb.to}>{crumb.text}</Link>
              </Fragment>
            ))}
          </nav>
        )}
        <h1>{title}</h1>
        {about && <div className="about">{about}</div>}
      </div>
      {children && <div className="row">{children}</div>}
    </header>
  )
}

export function Card({
  title,
  actions,
  children,
  body = true,
}: {
  title?: ReactNode
  actions?: ReactNode
  children: ReactNode
  body?: boolean
}) {
  return (
    <section className="card">
      {title && (
        <div className="card-head">
          <h2>{title}</h2>
          {actions && <div className="row">{actions}</div>}
        </div>
      )}
      {body ? <div className="card-body">{children}</div> : children}
    </section>
  )
}

export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode
  title: string
  children?: ReactNode
  action?: ReactNode
}) {
  return (
    <div className="empty">
      {icon}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action && <div className="row">{action}</div>}
    </div>
  )
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="notice bad" role="alert">
      <CircleAlert size={15} aria-hidden="true" />
      <div>
        {inWords(error)}{' '}
        {retry && (
          <button type="button" className="button small" onClick={retry}>
            Try again
          </button>
        )}
      </div>
    </div>
  )
}

const WIDTHS = ['w1', 'w2', 'w3', 'w4']

/** The shape of what is being loaded. */
export function Loading({ lines = 5 }: { lines?: number }) {
  return (
    <div className="card-body stack" aria-busy="true">
      <span className="hidden-text">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <span key={line} className={`skeleton ${WIDTHS[line % WIDTHS.length]}`} />
      ))}
    </div>
  )
}

interface Query<T> {
  data: T | undefined
  error: unknown
  isPending: boolean
  refetch: () => unknown
}

/** What a query came to: loading, an error, or its data. */
export function Answer<T>({
  query,
  children,
  lines,
}: {
  query: Query<T>
  children: (data: T) => ReactNode
  lines?: number
}) {
  if (query.data !== undefined) return children(query.data)
  if (query.error) {
    return (
      <div className="card-body">
        <Failure error={query.error} retry={() => query.refetch()} />
      </div>
    )
  }
  return <Loading lines={lines} />
}
