import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { ask, client } from '../api/client'
import { inWords } from '../api/error'
import { count, counted, percent } from '../text/number'
import { counts, taskStatus } from '../text/task'
import { Answer } from '../ui/page'
import { StatusBadge } from '../ui/status'
import { toast } from '../ui/toast'

type Verb = 'pause' | 'resume' | 'cancel'
const POLL = 1_000

/** A replay while it runs: its count, how far it is, and what can be done with it. */
export function ReplayTask({ id }: { id: string }) {
  const queries = useQueryClient()
  const query = useQuery({
    queryKey: ['task', id],
    queryFn: () =>
      ask(client.GET('/api/v1/background-task/{task_id}', { params: { path: { task_id: id } } })),
    refetchInterval: ({ state }) => (state.data && state.data.status !== 'running' ? false : POLL),
  })
  const change = useMutation({
    mutationFn: (verb: Verb) => {
      const params = { path: { task_id: id } }
      if (verb === 'pause') return ask(client.POST('/api/v1/background-task/{task_id}/pause', { params }))
      if (verb === 'resume') return ask(client.POST('/api/v1/background-task/{task_id}/resume', { params }))
      return ask(client.POST('/api/v1/background-task/{task_id}/cancel', { params }))
    },
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['task', id] })
      queries.invalidateQueries({ queryKey: ['tasks'] })
    },
    onError: (error) => toast('bad', inWords(error)),
  })
  return (
    <Answer query={query} lines={2}>
      {(task) => {
        const { total, sent, withoutPayload } = counts(task.data)
        const running = task.status === 'running'
        const waits = running && task.paused
        const begun = sent > 0
        const press = (verb: Verb, text: string, style = 'button') => (
          <button
            type="button"
            className={style}
            disabled={change.isPending}
            onClick={() => change.mutate(verb)}
          >
            {text}
          </button>
        )
        return (
          <section className="task stack tight" aria-live="polite">
            <div className="row apart">
              <span>
                {total === null
                  ? 'Counting…'
                  : begun || !waits
                    ? `${count(sent)} of ${counted(total, 'event')} queued (${percent(sent, total)})`
                    : `${counted(total, 'event')} would be delivered.`}
              </span>
              <StatusBadge {...taskStatus(task)} />
            </div>
            {total !== null && (
              <progress value={total === 0 ? 1 : sent} max={Math.max(total, 1)} aria-label="Progress" />
            )}
            {withoutPayload > 0 && (
              <p className="dim small">
                {counted(withoutPayload, 'event')} cannot be delivered: the content is not kept any more.
              </p>
            )}
            {running && (
              <div className="row">
                {waits &&
                  total !== null &&
                  !begun &&
                  total > 0 &&
                  press('resume', `Deliver ${counted(total, 'event')}`, 'button primary')}
                {waits && begun && press('resume', 'Resume', 'button primary')}
                {!waits && press('pause', 'Pause')}
                {press('cancel', begun || !waits ? 'Cancel the rest' : 'Discard')}
              </div>
            )}
          </section>
        )
      }}
    </Answer>
  )
}
