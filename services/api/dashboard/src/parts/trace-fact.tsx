import { ExternalLink } from 'lucide-react'
import { useSession } from '../app/session'
import { traceUrl } from '../text/trace'
import { CopyId } from '../ui/copy'

/** An event's or attempt's trace, for whoever runs the fleet: where it is looked at, if that is set. */
export function TraceFact({ traceId }: { traceId: string | null | undefined }) {
  const session = useSession()
  if (!session?.operator || !traceId) return null
  const url = traceUrl(session.traceUrl, traceId)
  return (
    <>
      <dt>Trace</dt>
      <dd className="row">
        <CopyId value={traceId} short />
        {url && (
          <a className="button small" href={url} target="_blank" rel="noopener noreferrer">
            <ExternalLink size={13} aria-hidden="true" /> Open trace
          </a>
        )}
      </dd>
    </>
  )
}
