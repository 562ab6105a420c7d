import { ChevronLeft, ChevronRight } from 'lucide-react'
import { setSearch, usePlace } from '../app/location'

export interface Page<T> {
  data: T[]
  done: boolean
  iterator?: string | null
  prevIterator?: string | null
}

/** The cursor of a list, which stands in the address. */
export function useCursor(): string | undefined {
  return usePlace().search.get('iterator') ?? undefined
}

/** Earlier and later pages, by cursor. */
export function Pager({ page, noun }: { page: Page<unknown>; noun: string }) {
  const cursor = useCursor()
  const go = (iterator: string | null) => setSearch({ iterator }, { replace: false })
  if (!cursor && page.done) return null
  return (
    <nav className="pager" aria-label={`Pages of ${noun}`}>
      <button
        type="button"
        className="button small"
        disabled={!cursor}
        onClick={() => go(page.prevIterator && page.data.length > 0 ? page.prevIterator : null)}
      >
        <ChevronLeft size={14} aria-hidden="true" /> Previous
      </button>
      {cursor && (
        <button type="button" className="button small quiet" onClick={() => go(null)}>
          First page
        </button>
      )}
      <button
        type="button"
        className="button small"
        disabled={page.done || !page.iterator}
        onClick={() => go(page.iterator ?? null)}
      >
        Next <ChevronRight size={14} aria-hidden="true" />
      </button>
    </nav>
  )
}
