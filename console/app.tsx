// Chooses between signing in and the views, and follows the fleet while the user is signed in.
import { useEffect } from 'preact/hooks'
import type { Client } from '../client/client.ts'
import { CreateView } from './create/create-view.tsx'
import { EventsView } from './events/events-view.tsx'
import { followCosts } from './fleet/cost.ts'
import { FleetView } from './fleet/fleet-view.tsx'
import { followFleet } from './fleet/live.ts'
import { OperationsView } from './operations/operations-view.tsx'
import { route } from './route.ts'
import { mayAll, session } from './session/session.ts'
import { SignIn } from './session/sign-in.tsx'
import { Shell } from './shell.tsx'
import { Empty } from './ui/empty.tsx'
import { WorkspaceView } from './workspace/workspace-view.tsx'

export function App() {
  const current = session.value
  switch (current.state) {
    case 'starting':
      return <p class="starting muted">Loading…</p>
    case 'signed_out':
      return <SignIn problem={current.problem} />
    case 'signed_in':
      return <SignedIn client={current.client} />
  }
}

function SignedIn({ client }: { client: Client }) {
  useEffect(() => {
    const stopFleet = followFleet(client)
    const stopCosts = mayAll('read') ? followCosts(client) : undefined
    return () => {
      stopFleet()
      stopCosts?.()
    }
  }, [client])
  return (
    <Shell>
      <View />
    </Shell>
  )
}

function View() {
  const current = route.value
  switch (current.view) {
    case 'fleet':
      return <FleetView />
    case 'workspace':
      return <WorkspaceView key={current.id} id={current.id} tab={current.tab} />
    case 'create':
      return <CreateView />
    case 'events':
      return <EventsView />
    case 'operations':
      return <OperationsView />
    case 'unknown':
      return (
        <main class="page">
          <h1 tabIndex={-1}>Not found</h1>
          <Empty title="There is no such view.">
            <a href="#/">Go to the fleet</a>
          </Empty>
        </main>
      )
  }
}
