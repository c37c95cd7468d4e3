// Whether a workspace is at work, as far as it is known. While it is, its machine is neither rebooted nor given up, and
// a requested restart or hibernation waits for a while.
import { and, eq, not, sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { messages, workspaces } from '../../drizzle/schema/index.ts'
import { isMarked } from '../lifecycle/in-flight.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import type { ReconcileContext } from './context.ts'
import { isFree } from '../platform/lease.ts'
import { isOutdated } from './observation.ts'

/** Whether the last heartbeat came from the program that the workspace waits for, and not from one that has ended before. */
const isOfThisRun = (row: Workspace): row is Workspace & { lastHeartbeatAt: Date } =>
  row.lastHeartbeatAt !== null &&
  (row.status !== 'provisioning' || isOutdated(row) || row.lastHeartbeatAt >= row.statusChangedAt)

const isSending = sql<boolean>`exists (select from ${messages} where ${and(
  eq(messages.workspaceId, workspaces.id),
  eq(messages.state, 'sending'),
  not(isFree(messages)),
)})`

/** What the database knows of the work of a row of `workspaces`. */
export const workColumns = { isMarked: isMarked.as('is_marked'), isSending: isSending.as('is_sending') }

type KnownWork = { isMarked: boolean; isSending: boolean }

const readStatement = prepared((db, valueOf: ValueOf<{ id: string }>) =>
  db
    .select(workColumns)
    .from(workspaces)
    .where(eq(workspaces.id, valueOf('id'))),
)

/** @returns what it is doing, as part of a sentence; undefined when nothing is known to be under way */
export async function findWork(services: ReconcileContext, row: Workspace): Promise<string | undefined> {
  if (isInFlight(services, row)) return IN_FLIGHT
  const [known] = await readStatement(services.db, { id: row.id })
  return workOf(services, row, known)
}

const IN_FLIGHT = 'a request to it is in flight'

const isInFlight = ({ limits }: ReconcileContext, { id }: Workspace) => limits.busyWorkspaces().includes(id)

/** The same of what a statement has read. */
export function workOf(
  services: ReconcileContext,
  row: Workspace,
  known: KnownWork | undefined,
): string | undefined {
  const { config, now } = services
  if (isInFlight(services, row)) return IN_FLIGHT
  if (known?.isMarked === true) return 'a request to it is in flight in another process'
  const reportedFor = isOfThisRun(row) ? now().getTime() - row.lastHeartbeatAt.getTime() : Infinity
  if ((row.activeTasks > 0 || row.currentTask !== '') && reportedFor < config.liveness.busyMs) {
    return `its last heartbeat reported ${row.activeTasks > 0 ? `${row.activeTasks} tasks` : 'a task'}`
  }
  return known?.isSending === true ? 'a stored message is being delivered to it' : undefined
}
