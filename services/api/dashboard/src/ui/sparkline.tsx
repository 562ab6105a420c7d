export interface Hour {
  success: number
  failed: number
}

const HEIGHT = 20
/** A single attempt is still seen beside many. */
const LEAST = 1.5
const GAP = 0.2

/** Hours as bars on one line of text: failures stand on the line, successes above them. */
export function Sparkline({ hours, label }: { hours: Hour[]; label: string }) {
  const top = Math.max(...hours.map(({ success, failed }) => success + failed), 1)
  const height = (value: number) => (value > 0 ? Math.max(LEAST, (value / top) * HEIGHT) : 0)
  return (
    <svg
      className="sparkline"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${hours.length} ${HEIGHT + LEAST}`}
      preserveAspectRatio="none"
    >
      <line className="grid" x1="0" x2={hours.length} y1={HEIGHT + LEAST} y2={HEIGHT + LEAST} />
      {hours.map(({ success, failed }, index) => {
        const below = height(failed)
        const above = height(success)
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: an hour has no name but its place
          <g key={index}>
            <rect
              className="bar ok"
              x={index + GAP / 2}
              y={HEIGHT + LEAST - below - above}
              width={1 - GAP}
              height={above}
            />
            <rect
              className="bar bad"
              x={index + GAP / 2}
              y={HEIGHT + LEAST - below}
              width={1 - GAP}
              height={below}
            />
          </g>
        )
      })}
    </svg>
  )
}
