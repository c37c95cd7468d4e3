// Where a workspace's messages are sent: the address of its machine, or the reason why there is none. Routes are
// cached for seconds, and reading one marks a workspace with an idle policy as active.
import { and, eq, getTableColumns, isNotNull, sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane, workspaces } from '../../drizzle/schema/index.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import { interfacePaths, type InterfacePaths } from '../reconcile/agent-interfaces.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { statusesWanting, type WorkspaceStatus } from '../lifecycle/lifecycle.ts'
import type { WorkspaceRow } from '../lifecycle/workspace.ts'
import { ProxyError, type ProxyReason } from './errors/proxy-error.ts'
import type { HeaderList } from './wire/headers.ts'

export type Route = {
  workspaceId: string
  app: string
  machineId: string
  /** The workspace's generation when the route was read: a failure of an older one does not end a newer route. */
  generation: number
  origin: string
  /** Headers that select the machine, and the proxy's credential at its agent. */
  headers: HeaderList
  paths: InterfacePaths
  /** Members that 0.3 messages lack are added. */
  completesMessages: boolean
}

/** How long a route is used before it is read again. Far below the shortest idle time, which is a minute. */
export const ROUTE_TTL_MS = 5_000

export const AWAKE: readonly WorkspaceStatus[] = ['ready', 'degraded']

const isAwake = (row: WorkspaceRow) => AWAKE.includes(row.status)

type RouteValues = {
  id: string
  now: Date
  /** The statuses in which reading the route marks the workspace as active, as an array of Postgres. */
  touched: string
}

const routeStatement = prepared((db, valueOf: ValueOf<RouteValues>) => {
  const touched = db.$with('touched').as(
    db
      .update(workspaces)
      .set({ lastActiveAt: sql`${valueOf('now')}::timestamptz` })
      .where(
        and(
          eq(workspaces.id, valueOf('id')),
          isNotNull(workspaces.idleMinutes),
          sql`${workspaces.status} = any(${valueOf('touched')}::workspace_status[])`,
        ),
      )
      .returning({ id: workspaces.id }),
  )
  return db
    .with(touched)
    .select({
      ...getTableColumns(workspaces),
      agentKey: sql<string>`(select ${controlPlane.agentKey} from ${controlPlane})`,
      touched: sql<boolean>`exists (select from touched)`,
    })
    .from(workspaces)
    .where(eq(workspaces.id, valueOf('id')))
})

/**
 * Reads a workspace for a message. For the purpose `use` the same statement marks a workspace with an idle policy as
 * active. The policy compares that column in the statement that hibernates, so a message and a hibernation cannot
 * both succeed.
 * @returns the row, and its route while it is awake
 * @throws DomainError `not_found`
 */
export async function readRoute(
  services: Pick<ReconcileContext, 'db' | 'now' | 'provisioner'>,
  id: string,
  purpose: 'use' | 'look',
): Promise<{ row: WorkspaceRow; route: Route | undefined }> {
  const touched = purpose === 'use' ? AWAKE : []
  const [found] = await routeStatement(services.db, {
    id,
    now: services.now(),
    touched: `{${touched.join(',')}}`,
  })
  if (found === undefined) throw workspaceNotFound()
  const { agentKey, touched: isTouched, ...row } = found
  // It was hibernated between the two halves of the statement.
  if (purpose === 'use' && isAwake(row) && row.idleMinutes !== null && !isTouched)
    return { row: { ...row, status: 'hibernated' }, route: undefined }
  return { row, route: isAwake(row) ? await routeTo(services, row, agentKey) : undefined }
}

async function routeTo(
  { provisioner }: Pick<ReconcileContext, 'provisioner'>,
  row: WorkspaceRow,
  agentKey: string,
): Promise<Route | undefined> {
  const { app, generation, machineGeneration, machineId } = row
  if (app === null || machineId === null) return undefined
  const endpoint = await provisioner.endpoint({ app, machineId }).catch(noneIfProvisionError)
  if (endpoint === undefined) return undefined
  const { headers, url } = endpoint
  const secret = await inboundSecret(agentKey, row.id, machineGeneration ?? generation)
  return {
    workspaceId: row.id,
    app,
    machineId,
    generation,
    origin: url,
    headers: [...Object.entries(headers).flat(), 'authorization', `Bearer ${secret}`],
    paths: interfacePaths(row.agentCard),
    completesMessages: row.completesMessages,
  }
}

// The machine went away a moment ago, or the provider does not answer: the next sweep finds out.
function noneIfProvisionError(error: unknown): undefined {
  if (!(error instanceof ProvisionError)) throw error
}

const NO_ROUTE: Record<WorkspaceStatus, [ProxyReason, string]> = {
  ready: ['WORKSPACE_STARTING', 'the workspace has no machine yet; ask again shortly'],
  degraded: ['WORKSPACE_STARTING', 'the workspace has no machine yet; ask again shortly'],
  provisioning: ['WORKSPACE_STARTING', 'the workspace is being provisioned; ask again shortly'],
  offline: ['WORKSPACE_STARTING', 'the workspace is being brought back; ask again shortly'],
  hibernated: ['WORKSPACE_STARTING', 'the workspace is being woken; ask again shortly'],
  failed: ['WORKSPACE_FAILED', 'the workspace failed; restart it'],
  paused: ['WORKSPACE_PAUSED', 'the workspace is paused; resume it'],
  removed: ['WORKSPACE_REMOVED', 'the workspace was removed'],
}

/** The error for a workspace to which no message can be delivered now. */
export function noRouteError({ reason, status }: WorkspaceRow): ProxyError {
  const [code, message] = NO_ROUTE[status]
  return new ProxyError(code, message, {
    facts: { status, ...(reason === null ? {} : { cause: reason.code, detail: reason.message }) },
  })
}

/** Statuses that a message can wait for, because `ready` follows. */
export const LEADS_TO_READY: readonly WorkspaceStatus[] = [...statusesWanting('started'), 'hibernated']
