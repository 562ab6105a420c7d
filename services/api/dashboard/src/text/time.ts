// Moments in words: how long ago, and when exactly (UTC, as the API has them).

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `just now`, `12 s ago`, `in 5 min`. */
export function relative(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000)
  const distance = Math.abs(seconds)
  if (distance < 2) return 'just now'
  const text = span(distance)
  return seconds > 0 ? `in ${text}` : `${text} ago`
}

/** Seconds as one unit: `45 s`, `3 min`, `5 h`, `2 d`. */
export function span(seconds: number): string {
  if (seconds < MINUTE) return `${Math.round(seconds)} s`
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`
  return `${Math.floor(seconds / DAY)} d`
}

/** As short as it is clear: the time of today, else with the day, and with the year if it is another one. */
export function absolute(at: Date, now: Date): string {
  const time = at.toISOString().slice(11, 19)
  const day = at.toISOString().slice(0, 10)
  if (day === now.toISOString().slice(0, 10)) return time
  const date = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`
  const year = at.getUTCFullYear()
  return year === now.getUTCFullYear() ? `${date} ${time}` : `${date} ${year} ${time}`
}

/** With all that there is: for titles and copies. */
export function exact(at: Date): string {
  return at.toISOString().replace('T', ' ').replace('Z', ' UTC')
}

/** A duration of a request. */
export function milliseconds(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
