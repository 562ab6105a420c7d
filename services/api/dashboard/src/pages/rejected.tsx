import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import { ask, client } from '../api/client'
import { PAGE } from '../api/queries'
import { setSearch, usePlace } from '../app/location'
import type { PageProps } from '../app/routes'
import { TraceFact } from '../parts/trace-fact'
import { bytes } from '../text/number'
import { CopyId } from '../ui/copy'
import { Dialog } from '../ui/dialog'
import { Code } from '../ui/json'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { Time } from '../ui/time'

const DOORS: [string, string][] = [
  ['', 'Any door'],
  ['nats_publish', 'NATS publish'],
  ['nats_request', 'NATS request'],
  ['fanout', 'Fan-out'],
  ['sender', 'Sender'],
  ['recorder', 'Recorder'],
]

/** Input that broke a rule, with the rule and its bytes. */
export default function Rejected(_: PageProps) {
  const { search } = usePlace()
  const cursor = useCursor()
  const door = search.get('door') ?? ''
  const application = search.get('application') ?? ''
  const query = useQuery({
    queryKey: ['rejected', door, application, cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/rejected', {
          params: {
            query: {
              limit: PAGE,
              iterator: cursor,
              door: door || undefined,
              application: application || undefined,
            },
          },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: cursor ? false : 10_000,
  })
  const open = search.get('rejection')
  const filtered = door !== '' || application !== ''
  return (
    <>
      <PageHead
        title="Rejected input"
        about="What could not be accepted or read. It is kept for 30 days with its reason, and never comes again by itself."
      />
      <search className="filters">
        <select
          className="select"
          aria-label="Door"
          value={door}
          onChange={(event) => setSearch({ door: event.target.value, iterator: null })}
        >
          {DOORS.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
        <input
          key={application}
          className="input mono"
          data-search
          aria-label="Application"
          placeholder="Application"
          defaultValue={application}
          onKeyDown={(event) => {
            if (event.key === 'Enter')
              setSearch({ application: event.currentTarget.value.trim(), iterator: null })
          }}
        />
      </search>
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty
                icon={<ShieldCheck size={26} />}
                title={filtered ? 'Nothing is like that' : 'Nothing was rejected'}
              />
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Reason</th>
                      <th scope="col">Door</th>
                      <th scope="col">Application</th>
                      <th scope="col" className="right">
                        Size
                      </th>
                      <th scope="col">When</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((one) => (
                      <tr key={one.id}>
                        <td data-label="Reason" className="wide">
                          <a
                            data-row
                            className="row-link block cut"
                            href={`/rejected?rejection=${encodeURIComponent(one.position)}`}
                            onClick={(event) => {
                              event.preventDefault()
                              setSearch({ rejection: one.position })
                            }}
                          >
                            {one.detail}
                          </a>
                        </td>
                        <td data-label="Door">{DOORS.find(([key]) => key === one.door)?.[1] ?? one.door}</td>
                        <td data-label="Application">
                          {one.application ? (
                            <CopyId value={one.application} short />
                          ) : (
                            <span className="dim">–</span>
                          )}
                        </td>
                        <td data-label="Size" className="right num">
                          {bytes(one.sizeBytes)}
                        </td>
                        <td data-label="When">
                          <Time at={one.timestamp} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
                <Pager page={list} noun="rejected input" />
              </>
            )
          }
        </Answer>
      </Card>
      {open && <Rejection position={open} onClose={() => setSearch({ rejection: null })} />}
    </>
  )
}

function Rejection({ position, onClose }: { position: string; onClose: () => void }) {
  const query = useQuery({
    queryKey: ['rejection', position],
    queryFn: () => ask(client.GET('/api/v1/rejected/{position}', { params: { path: { position } } })),
    staleTime: Number.POSITIVE_INFINITY,
  })
  return (
    <Dialog title="Rejected input" onClose={onClose} drawer>
      <Answer query={query}>
        {(one) => (
          <div className="card-body stack">
            <dl className="facts">
              <dt>Reason</dt>
              <dd>{one.detail}</dd>
              <dt>Code</dt>
              <dd className="mono small">{one.code}</dd>
              <dt>Door</dt>
              <dd>{DOORS.find(([key]) => key === one.door)?.[1] ?? one.door}</dd>
              <dt>Subject</dt>
              <dd>
                <CopyId value={one.subject} />
              </dd>
              <dt>When</dt>
              <dd>
                <Time at={one.timestamp} />
              </dd>
              <dt>Id</dt>
              <dd>
                <CopyId value={one.id} />
              </dd>
              <TraceFact traceId={one.traceId} />
            </dl>
            <h3>Input</h3>
            {one.input != null ? (
              <Code text={one.input} label="Input" json />
            ) : (
              <Code text={one.inputBase64} label="Input, as base64" />
            )}
            {one.truncated && <p className="dim small">Only its beginning is kept.</p>}
          </div>
        )}
      </Answer>
    </Dialog>
  )
}
