// Restarts workspaces whose machines lack a changed secret. A limited number per request: each restart is a
// statement, and a Worker has a budget.
import type { Context } from '../config/context.ts'
import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { restartWorkspace } from './restart.ts'

/** The most restarts of one request. */
const MOST = 20

/** Requests that are left for reconciling the restarted workspaces. */
const LEFT_FOR_OTHERS = 20

/** Running statuses; sleeping and paused workspaces get the newest spec with their next start. */
const RUNNING = ['provisioning', 'ready', 'degraded', 'offline'] as const

/**
 * Restarts the running workspaces whose machines were made before the last change of what they get.
 * @param workspaceId null: of all of them, the oldest first
 * @returns the ids, and whether there are more
 */
export async function restartForSecrets(
  services: Context,
  workspaceId: string | null,
): Promise<{ restarted: string[]; more: boolean }> {
  const rows = await services.db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(
      and(
        workspaceId === null ? undefined : eq(workspaces.id, workspaceId),
        inArray(workspaces.status, [...RUNNING]),
        sql`${workspaces.machineSpecVersion} < ${workspaces.specVersion}`,
      ),
    )
    .orderBy(asc(workspaces.createdAt))
    .limit(MOST + 1)
  const restarted: string[] = []
  let more = rows.length > MOST
  for (const { id } of rows.slice(0, MOST)) {
    if (services.budget.left() < LEFT_FOR_OTHERS) {
      more = true
      break
    }
    try {
      await restartWorkspace(services, id)
      restarted.push(id)
    } catch (error) {
      // It or its parent was paused or removed meanwhile.
      if (!(error instanceof DomainError) || error.code !== 'conflict') throw error
    }
  }
  return { restarted, more }
}
