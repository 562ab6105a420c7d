import { useQueryClient } from '@tanstack/react-query'
import { Suspense, useEffect } from 'react'
import { resume } from '../api/sign-in'
import { Card, Empty, Loading, PageHead } from '../ui/page'
import { Toasts } from '../ui/toast'
import { Broken } from './broken'
import { useFrame } from './frame'
import { useKeyboard } from './keyboard'
import { Link } from './link'
import { navigate, usePlace } from './location'
import { match, type Params } from './match'
import { ROUTES, type Route } from './routes'
import { useSession, useSessionKnown } from './session'
import { Shell } from './shell'

function find(path: string): { route: Route; params: Params } | null {
  for (const route of ROUTES) {
    const params = match(route.pattern, path)
    if (params) return { route, params }
  }
  return null
}

export function App() {
  const { path, search } = usePlace()
  const session = useSession()
  const known = useSessionKnown()
  const queries = useQueryClient()
  useKeyboard()
  useFrame()
  const found = find(path)
  const audience = found?.route.audience ?? 'operator'
  const allowed = audience === 'anyone' || audience === session?.kind
  // What one has seen must not be seen by the next one who signs in.
  useEffect(() => {
    if (known && !session) queries.clear()
  }, [known, session, queries])
  useEffect(() => {
    if (!known) resume()
  }, [known])
  useEffect(() => {
    if (allowed || !known) return
    if (session?.kind === 'portal') navigate('/portal', { replace: true })
    else if (audience === 'portal') navigate('/login?ended=1', { replace: true })
    else {
      const back = path + (search.size > 0 ? `?${search}` : '')
      navigate(back === '/' ? '/sign-in' : `/sign-in?back=${encodeURIComponent(back)}`, { replace: true })
    }
  }, [allowed, known, audience, session, path, search])
  if (!allowed) return null

  const page = found ? (
    <found.route.page key={path} params={found.params} />
  ) : (
    <>
      <PageHead title="There is no such page" />
      <Card>
        <Empty title="Nothing is here" action={<Link to="/">To the start</Link>} />
      </Card>
    </>
  )
  const content = (
    <Broken key={path}>
      <Suspense fallback={<Loading />}>{page}</Suspense>
    </Broken>
  )
  return (
    <>
      {audience === 'anyone' ? (
        <main className="bare">
          <div>{content}</div>
        </main>
      ) : (
        <Shell path={path} params={found?.params ?? {}}>
          {content}
        </Shell>
      )}
      <Toasts />
    </>
  )
}
