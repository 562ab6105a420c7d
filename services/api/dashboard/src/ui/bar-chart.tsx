import { type KeyboardEvent, useState } from 'react'
import { bucketLabel } from '../text/bucket'
import { count } from '../text/number'

export interface Series<K extends string> {
  key: K
  label: string
  /** Of the colour; a legend names it beside its number. */
  tone: 'ok' | 'wait' | 'bad' | 'idle' | 'busy'
}

export interface Bucket<K extends string> {
  at: string
  values: Record<K, number>
}

interface Props<K extends string> {
  label: string
  series: Series<K>[]
  buckets: Bucket<K>[]
  bucketSeconds: number
}

/** Stacked bars over time. The arrow keys walk through them, and a table says the same. */
export function BarChart<K extends string>(props: Props<K>) {
  const [asTable, setAsTable] = useState(false)
  const { label, series, buckets } = props
  const total = (key: K) => buckets.reduce((sum, bucket) => sum + bucket.values[key], 0)
  return (
    <figure className="chart" aria-label={label}>
      <div className="row apart">
        <ul className="legend">
          {series.map(({ key, label, tone }) => (
            <li key={key}>
              <span className={`swatch ${tone}`} aria-hidden="true" />
              {label} <strong className="num">{count(total(key))}</strong>
            </li>
          ))}
        </ul>
        <button
          type="button"
          className="button small"
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        >
          Table
        </button>
      </div>
      {asTable ? <ChartTable {...props} /> : <Bars {...props} />}
    </figure>
  )
}

const HEIGHT = 100
const GAP = 0.16

function Bars<K extends string>({ label, series, buckets, bucketSeconds }: Props<K>) {
  const [at, setAt] = useState<number | null>(null)
  const sums = buckets.map((bucket) => series.reduce((sum, { key }) => sum + bucket.values[key], 0))
  const top = niceTop(Math.max(...sums, 0))
  const keys = (event: KeyboardEvent) => {
    const last = buckets.length - 1
    const from = at ?? (event.key === 'ArrowLeft' ? last + 1 : -1)
    const next: Record<string, number> = {
      ArrowLeft: Math.max(0, from - 1),
      ArrowRight: Math.min(last, from + 1),
      Home: 0,
      End: last,
    }
    const to = next[event.key]
    if (to === undefined) return
    event.preventDefault()
    setAt(to)
  }
  const shown = at === null ? undefined : buckets[at]
  const [first, last] = [buckets[0], buckets.at(-1)]
  return (
    <>
      <div className="plot">
        <div className="y-axis num" aria-hidden="true">
          <span>{count(top)}</span>
          <span>{count(top / 2)}</span>
          <span>0</span>
        </div>
        <div
          role="slider"
          tabIndex={0}
          aria-label={`${label}: walk through it with the arrow keys`}
          aria-valuemin={0}
          aria-valuemax={Math.max(0, buckets.length - 1)}
          aria-valuenow={at ?? 0}
          aria-valuetext={shown ? words(shown, series, bucketSeconds) : 'nothing chosen'}
          onKeyDown={keys}
          onPointerLeave={() => setAt(null)}
        >
          <svg viewBox={`0 0 ${buckets.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
            <line className="grid" x1="0" x2={buckets.length} y1="0.5" y2="0.5" />
            <line className="grid" x1="0" x2={buckets.length} y1={HEIGHT / 2} y2={HEIGHT / 2} />
            <line className="grid" x1="0" x2={buckets.length} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
            {buckets.map((bucket, index) => (
              <g key={bucket.at} onPointerEnter={() => setAt(index)}>
                <rect
                  className={index === at ? 'column chosen' : 'column'}
                  x={index}
                  width="1"
                  height={HEIGHT}
                />
                {stack(bucket, series, top).map(({ key, tone, y, height }) => (
                  <rect
                    key={key}
                    className={`bar ${tone}`}
                    x={index + GAP / 2}
                    y={y}
                    width={1 - GAP}
                    height={height}
                  />
                ))}
              </g>
            ))}
          </svg>
        </div>
      </div>
      <div className="x-axis dim small num" aria-hidden="true">
        <span>{first && bucketLabel(first.at, bucketSeconds)}</span>
        <span>{last && bucketLabel(last.at, bucketSeconds)}</span>
      </div>
      <p className="readout small num">{shown ? words(shown, series, bucketSeconds) : '\u00a0'}</p>
    </>
  )
}

function stack<K extends string>(bucket: Bucket<K>, series: Series<K>[], top: number) {
  let y = HEIGHT
  return series
    .filter(({ key }) => bucket.values[key] > 0)
    .map(({ key, tone }) => {
      const height = (bucket.values[key] / top) * HEIGHT
      y -= height
      return { key, tone, y, height }
    })
}

/** The next number above the highest bar that reads well, halved as well as whole. */
export function niceTop(highest: number): number {
  if (highest <= 2) return 2
  const power = 10 ** Math.floor(Math.log10(highest))
  // Half of it is a whole number, too.
  const steps = power === 1 ? [2, 4, 6, 8, 10] : [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10]
  const step = steps.find((factor) => factor * power >= highest) ?? 10
  return Math.round(step * power)
}

function words<K extends string>(bucket: Bucket<K>, series: Series<K>[], bucketSeconds: number): string {
  const parts = series.map(({ key, label }) => `${count(bucket.values[key])} ${label.toLowerCase()}`)
  return `${bucketLabel(bucket.at, bucketSeconds)} – ${parts.join(' · ')}`
}

function ChartTable<K extends string>({ series, buckets, bucketSeconds }: Props<K>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keys
    <section className="chart-table" tabIndex={0} aria-label="As a table">
      <table className="table plain">
        <thead>
          <tr>
            <th scope="col">From (UTC)</th>
            {series.map(({ key, label }) => (
              <th key={key} scope="col" className="right">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {buckets.map((bucket) => (
            <tr key={bucket.at}>
              <td>{bucketLabel(bucket.at, bucketSeconds)}</td>
              {series.map(({ key }) => (
                <td key={key} className="right num">
                  {count(bucket.values[key])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
