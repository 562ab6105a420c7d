// The look that an organisation gives its portal: name, colour, logo and theme.

import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { ask, client } from '../api/client'
import { onColour, readableOn } from '../text/colour'
import { useSession } from './session'
import { setTheme } from './theme'

/** The grounds that text in the accent colour stands on: those of the style sheet. */
const GROUNDS = { light: '#f1f1ee', dark: '#222327' }

export function usePortalLook() {
  const portal = useSession()?.kind === 'portal'
  const { data: look } = useQuery({
    queryKey: ['look'],
    queryFn: () => ask(client.GET('/api/v1/auth/portal-look')),
    enabled: portal,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const accent = portal ? look?.accentColor : undefined
  const theme = portal ? look?.theme : undefined
  useEffect(() => {
    const { style } = document.documentElement
    if (!accent) return
    const { light, dark } = GROUNDS
    style.setProperty('--accent', `light-dark(${readableOn(accent, light)}, ${readableOn(accent, dark)})`)
    style.setProperty('--accent-fill', accent)
    style.setProperty('--accent-fill-hover', accent)
    style.setProperty('--on-accent', onColour(accent))
    return () => {
      for (const name of ['--accent', '--accent-fill', '--accent-fill-hover', '--on-accent']) {
        style.removeProperty(name)
      }
    }
  }, [accent])
  useEffect(() => {
    if (theme) setTheme(theme, { keep: false })
  }, [theme])
  return look
}
