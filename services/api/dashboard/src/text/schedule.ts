// Retry schedules: the waits between attempts, in seconds, as people write and read them.

const UNITS: [RegExp, number][] = [
  [/^(s|secs?|seconds?)?$/, 1],
  [/^(m|mins?|minutes?)$/, 60],
  [/^(h|hours?)$/, 3_600],
  [/^(d|days?)$/, 86_400],
]

/** How a schedule without retries is written: an empty text is no schedule. */
const NO_RETRIES = 'none'

/** Reads `5 s, 2 min, 1h` or `none`; a number alone counts seconds. `null` is no schedule. Throws in words. */
export function readWaits(text: string): number[] | null {
  if (text.trim().toLowerCase() === NO_RETRIES) return []
  const parts = text.split(',').map((part) => part.trim())
  const waits = parts.filter((part) => part !== '').map(readWait)
  return waits.length > 0 ? waits : null
}

function readWait(text: string): number {
  const [, digits, unit] = /^(\d+)\s*([a-z]*)$/i.exec(text) ?? []
  const seconds = UNITS.find(([names]) => unit !== undefined && names.test(unit.toLowerCase()))?.[1]
  if (digits === undefined || seconds === undefined) {
    throw new Error(`“${text}” is no wait: write such as 30 s, 5 min or 2 h, separated by commas, or none.`)
  }
  return Number(digits) * seconds
}

/** A wait without rounding: `1.5 s`, `2 min`, `1 h 30 min`, `2 d 3 h 5 s`. */
export function wait(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(3))} s`
  const whole = Math.round(seconds)
  const parts: [number, string][] = [
    [Math.floor(whole / 3_600), 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ]
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`)
  return said.join(' ')
}

/** The waits as they are written: reading them gives the same. */
export function waitsText(waits: number[] | null | undefined): string {
  if (!waits) return ''
  return waits.length > 0 ? waits.map(written).join(', ') : NO_RETRIES
}

/** A wait in one unit. */
function written(seconds: number): string {
  if (seconds > 0 && seconds % 3_600 === 0) return `${seconds / 3_600} h`
  if (seconds > 0 && seconds % 60 === 0) return `${seconds / 60} min`
  return `${seconds} s`
}

export interface Planned {
  /** From 1. */
  number: number
  /** Seconds since the attempt before it; 0 for the first. */
  after: number
  /** Seconds since the first attempt. */
  at: number
}

/** The attempts of a delivery that fails each time. */
export function attempts(waits: number[]): Planned[] {
  let at = 0
  const later = waits.map((after, index) => {
    at += after
    return { number: index + 2, after, at }
  })
  return [{ number: 1, after: 0, at: 0 }, ...later]
}

/** All of it in a sentence. */
export function scheduleInWords(waits: number[]): string {
  const last = attempts(waits).at(-1)
  if (!last || waits.length === 0) return 'One attempt, and no further one.'
  return `${last.number} attempts, the last ${wait(last.at)} after the first.`
}
