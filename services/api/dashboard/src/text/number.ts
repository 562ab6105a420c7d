// Counts and sizes in words.

const GROUPS = new Intl.NumberFormat('en-GB')
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

export function count(value: number): string {
  return GROUPS.format(value)
}

/** `1.2M` where there is no room for more. */
export function compact(value: number): string {
  return value < 10_000 ? GROUPS.format(value) : COMPACT.format(value)
}

export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** A share as a percentage that never says 100 % or 0 % when it is not. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–'
  const share = (100 * part) / whole
  if (part !== whole && share > 99.9) return '> 99.9 %'
  if (part !== 0 && share < 0.1) return '< 0.1 %'
  return `${Number.isInteger(share) ? share : share.toFixed(1)} %`
}
