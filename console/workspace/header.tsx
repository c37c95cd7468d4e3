// The head of a workspace: name, status, what it is made of, and the verbs.
import type { Workspace } from '../../client/client.ts'
import { costs, type Fleet, hasPrices } from '../fleet/cost.ts'
import { workspaces } from '../fleet/store.ts'
import { linkToWorkspace } from '../route.ts'
import { Copy } from '../ui/copy.tsx'
import { Facts } from '../ui/facts.tsx'
import { usd } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Status } from '../ui/status.tsx'
import { Time } from '../ui/time.tsx'
import { Verbs } from './verbs.tsx'

export function WorkspaceHeader({ fleet, workspace }: { workspace: Workspace; fleet: Fleet | undefined }) {
  const { created_at, id, machine_region, name, parent_id, region, role, runtime, status, tier } = workspace
  const parent = parent_id === null ? undefined : workspaces.value.get(parent_id)
  const cost = costs.value.get(id)
  return (
    <header class="workspace-head">
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/">
          <Icon name="back" /> Fleet
        </a>
        {parent !== undefined && (
          <>
            <span aria-hidden="true">/</span>
            <a href={linkToWorkspace(parent.id)}>{parent.name}</a>
          </>
        )}
      </nav>
      <div class="workspace-title">
        <h1 tabIndex={-1}>{name}</h1>
        <Status status={status} />
        <span class="muted">
          <Time at={workspace.status_changed_at} />
        </span>
        <span class="bar-space" />
        <Verbs workspace={workspace} />
        <ShowCommands request={{ method: 'GET', path: `/workspaces/${id}` }} cli={['get', id]} />
      </div>
      {role !== null && <p class="workspace-role">{role}</p>}
      <Facts
        facts={[
          [
            'Id',
            <>
              <code>{id}</code> <Copy text={id} label="Copy the id" />
            </>,
          ],
          ['Runtime', tier === null ? `${runtime}: without a machine` : `${runtime}, tier ${tier}`],
          ...(region === null ? [] : [['Region', machine_region ?? region] as const]),
          ...(fleet === undefined || tier === null || !hasPrices.value
            ? []
            : [['Cost', cost === undefined ? 'nothing now' : `${usd(cost)} a month`] as const]),
          ['Created', <Time at={created_at} />],
          ['Active', <Time at={workspace.last_active_at} />],
        ]}
      />
    </header>
  )
}
