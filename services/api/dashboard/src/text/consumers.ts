// Consumers of which each partition has one, as one row.

export interface Consumer {
  stream: string
  name: string
  waiting: number
  inFlight: number
  redelivered: number
  oldestAt?: string | null
}

const OF_A_PARTITION = /^(.*)-\d+$/

/** Adds up what belongs together: the senders of all partitions of a stream are one; the oldest is that of all. */
export function grouped<C extends Consumer>(consumers: C[]): C[] {
  const groups = new Map<string, C[]>()
  for (const consumer of consumers) {
    const name = consumer.name.match(OF_A_PARTITION)?.[1] ?? consumer.name
    const key = `${consumer.stream} ${name}`
    groups.set(key, [...(groups.get(key) ?? []), consumer])
  }
  return [...groups.values()].map((group) => {
    const [first, ...others] = group as [C, ...C[]]
    if (others.length === 0) return first
    const sum = (field: 'waiting' | 'inFlight' | 'redelivered') =>
      group.reduce((sum, consumer) => sum + consumer[field], 0)
    const moments = group.flatMap(({ oldestAt }) => (oldestAt ? [oldestAt] : [])).sort()
    return {
      ...first,
      name: `${first.name.replace(OF_A_PARTITION, '$1')} (${group.length} partitions)`,
      waiting: sum('waiting'),
      inFlight: sum('inFlight'),
      redelivered: sum('redelivered'),
      oldestAt: moments[0] ?? null,
    }
  })
}
