import { Component, type ReactNode } from 'react'
import { Card, Empty } from '../ui/page'

interface State {
  failed: boolean
}

/** A page that failed takes nothing else with it. After a new release its parts may be gone: reload. */
export class Broken extends Component<{ children: ReactNode }, State> {
  override state: State = { failed: false }

  static getDerivedStateFromError(): State {
    return { failed: true }
  }

  override render() {
    if (!this.state.failed) return this.props.children
    const reload = (
      <button type="button" className="button primary" onClick={() => window.location.reload()}>
        Reload
      </button>
    )
    return (
      <Card>
        <Empty title="This page could not be shown" action={reload}>
          Perhaps the server was updated since you opened the dashboard.
        </Empty>
      </Card>
    )
  }
}
