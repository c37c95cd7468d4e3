// One workspace: its header with the verbs, and tabs for everything that the API knows of it.
import { useEffect } from 'preact/hooks'
import type { Workspace } from '../../client/client.ts'
import { fleet } from '../fleet/cost.ts'
import { isLoaded, workspaces } from '../fleet/store.ts'
import { linkToWorkspace, WORKSPACE_TABS, type WorkspaceTab } from '../route.ts'
import { currentClient, may } from '../session/session.ts'
import { Problem } from '../ui/problem.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { useResource } from '../ui/use-resource.ts'
import { Activity } from './activity.tsx'
import { Chat } from './chat.tsx'
import { CommandTab } from './command-tab.tsx'
import { Delegations } from './delegations.tsx'
import { DiskTab } from './disk-tab.tsx'
import { Files } from './files.tsx'
import { WorkspaceHeader } from './header.tsx'
import { Hooks } from './hooks.tsx'
import { Logs } from './logs.tsx'
import { Messages } from './messages.tsx'
import { Overview } from './overview.tsx'
import { Schedules } from './schedules.tsx'
import { Secrets } from './secrets.tsx'
import { WorkspaceEvents } from './workspace-events.tsx'
import { WorkspaceTokens } from './workspace-tokens.tsx'

export function WorkspaceView({ id, tab }: { id: string; tab: WorkspaceTab }) {
  const listed = workspaces.value.get(id)
  const read = useResource(
    () => currentClient().getWorkspace(id),
    [id, listed === undefined && isLoaded.value],
  )
  const workspace = listed ?? read.value
  const name = workspace?.name

  useEffect(() => {
    document.title = `${name ?? 'Workspace'} · Workspaces`
  }, [name])

  if (workspace === undefined) {
    return (
      <main class="page">
        <h1 tabIndex={-1}>Workspace</h1>
        {read.problem === undefined ? (
          <p class="muted" role="status">
            Reading the workspace…
          </p>
        ) : (
          <>
            <Problem problem={read.problem} onRetry={read.reload} />
            <p>
              <a href="#/">Go to the fleet</a>
            </p>
          </>
        )}
      </main>
    )
  }
  const tabs = WORKSPACE_TABS.filter(
    (name) => isOffered(name) && !(workspace.runtime === 'external' && OF_MACHINES.includes(name)),
  )
  return (
    <main class="page page-workspace">
      <WorkspaceHeader workspace={workspace} fleet={fleet.value} />
      <Tabs
        label="Parts of the workspace"
        names={tabs}
        titles={TITLES}
        current={tab}
        linkTo={(name) => linkToWorkspace(id, name)}
      />
      <section class={`tab tab-${tab}`} aria-label={TITLES[tab]}>
        <Tab workspace={workspace} tab={tab} />
      </section>
    </main>
  )
}

const TITLES: Record<WorkspaceTab, string> = {
  overview: 'Overview',
  chat: 'Chat',
  events: 'Events',
  activity: 'Activity',
  messages: 'Messages',
  delegations: 'Delegations',
  logs: 'Logs',
  command: 'Command',
  files: 'Files',
  disk: 'Disk',
  secrets: 'Secrets',
  hooks: 'Hooks',
  schedules: 'Schedules',
  tokens: 'Tokens',
}

/** What the token may not do is not shown as if it could. */
const isOffered = (tab: WorkspaceTab): boolean => {
  if (tab === 'command' || tab === 'files') return may('exec')
  return tab === 'chat' || tab === 'tokens' ? may('operate') : true
}

/** What shows the machine: an agent that runs elsewhere has none. */
const OF_MACHINES: readonly WorkspaceTab[] = ['logs', 'command', 'files', 'disk']

function Tab({ tab, workspace }: { tab: WorkspaceTab; workspace: Workspace }) {
  if (!isOffered(tab)) return <p class="muted">The token that you signed in with may not use this.</p>
  switch (tab) {
    case 'overview':
      return <Overview workspace={workspace} />
    case 'chat':
      return <Chat workspace={workspace} />
    case 'events':
      return <WorkspaceEvents id={workspace.id} />
    case 'activity':
      return <Activity id={workspace.id} />
    case 'messages':
      return <Messages id={workspace.id} />
    case 'delegations':
      return <Delegations id={workspace.id} />
    case 'logs':
      return <Logs id={workspace.id} />
    case 'command':
      return <CommandTab id={workspace.id} />
    case 'files':
      return <Files workspace={workspace} />
    case 'disk':
      return <DiskTab workspace={workspace} />
    case 'secrets':
      return <Secrets workspace={workspace} />
    case 'hooks':
      return <Hooks id={workspace.id} />
    case 'schedules':
      return <Schedules id={workspace.id} />
    case 'tokens':
      return <WorkspaceTokens id={workspace.id} />
  }
}
