// Colours of a portal: what can be read on them, and how they become readable themselves.

type Rgb = [number, number, number]

function parse(hex: string): Rgb | null {
  const [, r, g, b] = hex.match(/^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i) ?? []
  if (r === undefined || g === undefined || b === undefined) return null
  return [Number.parseInt(r, 16), Number.parseInt(g, 16), Number.parseInt(b, 16)]
}

/** *Source*: WCAG 2.2, relative luminance. */
function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(one: string, other: string): number {
  const [a, b] = [parse(one), parse(other)]
  if (!a || !b) return 1
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

/** White or black, whichever can be read on a colour. */
export function onColour(hex: string): string {
  return contrast(hex, '#ffffff') >= contrast(hex, '#000000') ? '#ffffff' : '#000000'
}

const ENOUGH = 4.5
const STEPS = 20

/** The colour, made darker or lighter until it can be read as text on a ground. */
export function readableOn(hex: string, ground: string): string {
  const rgb = parse(hex)
  if (!rgb) return hex
  const towards = contrast(ground, '#000000') > contrast(ground, '#ffffff') ? 0 : 255
  for (let step = 0; step <= STEPS; step += 1) {
    const mixed = rgb.map((value) => Math.round(value + ((towards - value) * step) / STEPS))
    const text = `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`
    if (contrast(text, ground) >= ENOUGH) return text
  }
  return towards === 0 ? '#000000' : '#ffffff'
}
