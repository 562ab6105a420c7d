import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { ask, client } from '../api/client'
import { PAGE } from '../api/queries'
import { setSearch, usePlace } from '../app/location'
import type { PageProps } from '../app/routes'
import { useScope } from '../app/scope'
import { ReplayTask } from '../parts/replay-task'
import { count } from '../text/number'
import { counts, isReplay, taskName, taskStatus } from '../text/task'
import { CopyId } from '../ui/copy'
import { Dialog } from '../ui/dialog'
import { Answer, Card, Empty, PageHead } from '../ui/page'
import { Pager, useCursor } from '../ui/pager'
import { StatusBadge } from '../ui/status'
import { Time } from '../ui/time'

/** Replays and other work in the background, newest first. */
export default function Replays({ params }: PageProps) {
  const scope = useScope(params)
  const { search, path: here } = usePlace()
  const cursor = useCursor()
  const query = useQuery({
    queryKey: ['tasks', scope.app, cursor],
    queryFn: () =>
      ask(
        client.GET('/api/v1/background-task', {
          params: { query: { limit: PAGE, iterator: cursor, order: 'descending' } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 2_000,
  })
  const open = search.get('task')
  return (
    <>
      <PageHead
        title="Replay jobs"
        about="Old events that are delivered once more. A job is begun on an endpoint’s page, under Replay."
      />
      <Card body={false}>
        <Answer query={query}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty icon={<History size={26} />} title="No replays yet">
                After an outage of a receiver, its endpoint’s page delivers what failed once more.
              </Empty>
            ) : (
              <>
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Job</th>
                      <th scope="col">Status</th>
                      <th scope="col" className="right">
                        Queued
                      </th>
                      <th scope="col" className="right">
                        Of
                      </th>
                      <th scope="col">Id</th>
                      <th scope="col">Got on</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.data.map((task) => {
                      const { total, sent } = counts(task.data)
                      const replay = isReplay(task.task)
                      return (
                        <tr key={task.id}>
                          <td data-label="Job">
                            <a
                              data-row
                              className="row-link"
                              href={`${here}?task=${task.id}`}
                              onClick={(event) => {
                                event.preventDefault()
                                setSearch({ task: task.id })
                              }}
                            >
                              {taskName(task.task)}
                            </a>
                          </td>
                          <td data-label="Status">
                            <StatusBadge {...taskStatus(task)} />
                          </td>
                          <td data-label="Queued" className="right num">
                            {replay ? count(sent) : '–'}
                          </td>
                          <td data-label="Of" className="right num">
                            {replay && total !== null ? count(total) : '–'}
                          </td>
                          <td data-label="Id">
                            <CopyId value={task.id} short />
                          </td>
                          <td data-label="Got on">
                            <Time at={task.updatedAt} />
                          </td>
                        </tr>
                      )
                    })}
                  </tbody>
                </table>
                <Pager page={list} noun="jobs" />
              </>
            )
          }
        </Answer>
      </Card>
      {open && (
        <Dialog title="Replay job" onClose={() => setSearch({ task: null })}>
          <div className="card-body stack">
            <CopyId value={open} />
            <ReplayTask id={open} />
          </div>
        </Dialog>
      )}
    </>
  )
}
