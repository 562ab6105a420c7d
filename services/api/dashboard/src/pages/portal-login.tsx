import { useEffect, useState } from 'react'
import { ask, client } from '../api/client'
import { navigate, usePlace } from '../app/location'
import type { PageProps } from '../app/routes'
import { signedInToPortal } from '../app/session'
import { codeOfLink } from '../app/token'
import { Empty, Loading, PageHead } from '../ui/page'

/** Each code is exchanged once, however often React runs an effect. */
const exchanges = new Map<string, Promise<string>>()

function exchange(code: string): Promise<string> {
  const under_way = exchanges.get(code)
  if (under_way) return under_way
  const body = { oneTimeToken: code }
  const started = ask(client.POST('/api/v1/auth/one-time-token', { body })).then((answer) => answer.token)
  exchanges.set(code, started)
  return started
}

/** Where a link into the portal leads: the code in its fragment becomes a token, and leaves the address. */
export default function PortalLogin(_: PageProps) {
  const [failed, setFailed] = useState(false)
  const ended = usePlace().search.get('ended') !== null
  useEffect(() => {
    const code = codeOfLink(window.location.hash)
    if (!code) {
      setFailed(true)
      return
    }
    exchange(code).then(
      (token) => {
        signedInToPortal(token)
        navigate('/portal', { replace: true })
      },
      () => {
        window.history.replaceState(null, '', '/login')
        setFailed(true)
      },
    )
  }, [])
  if (!failed) return <Loading lines={2} />
  return (
    <>
      <PageHead title="Webhooks" />
      {ended ? (
        <Empty title="Your session has ended">
          Please go back to where you came from, and open the portal again.
        </Empty>
      ) : (
        <Empty title="This link is not valid any more">
          Links into the portal work once, within five minutes. Please go back to where you found it and open
          it again.
        </Empty>
      )}
    </>
  )
}
