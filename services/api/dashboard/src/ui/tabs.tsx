import { Link } from '../app/link'
import { usePlace } from '../app/location'

export interface Tab {
  key: string
  text: string
}

/** Tabs are places: the chosen one stands in the address. */
export function useTab(tabs: Tab[]): string {
  const wanted = usePlace().search.get('tab')
  return tabs.find((tab) => tab.key === wanted)?.key ?? tabs[0]?.key ?? ''
}

export function Tabs({ tabs, label }: { tabs: Tab[]; label: string }) {
  const { path } = usePlace()
  const chosen = useTab(tabs)
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ key, text }) => (
        <Link
          key={key}
          to={key === tabs[0]?.key ? path : `${path}?tab=${key}`}
          aria-current={key === chosen ? 'page' : undefined}
        >
          {text}
        </Link>
      ))}
    </nav>
  )
}
