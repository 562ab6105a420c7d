// Buckets of time in words.

const DAY = 86_400
const NAMES = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** When a bucket begins: the time, and the day as well where buckets span several. */
export function bucketLabel(at: string, bucketSeconds: number): string {
  const date = new Date(at)
  const time = date.toISOString().slice(11, 16)
  if (bucketSeconds < DAY / 24) return time
  return `${NAMES[date.getUTCDay()]} ${date.getUTCDate()}, ${time}`
}
