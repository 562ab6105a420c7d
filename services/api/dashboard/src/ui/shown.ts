import { type RefObject, useEffect, useRef } from 'react'

/** For an input that people edit before it counts: shows `value` whenever that changes, and keeps the focus. */
export function useShown(value: string): RefObject<HTMLInputElement | null> {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (input.current) input.current.value = value
  }, [value])
  return input
}
