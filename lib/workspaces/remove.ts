// DELETE /workspaces/:id: marks a workspace and its descendants removed, and ends their tokens, secrets and hooks, in
// one statement. The rows stay due until the provider confirms that their machines are gone.
import type { Context } from '../config/context.ts'
import type { Core, Store } from '../platform/context.ts'
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import { disks, workspaces } from '../../drizzle/schema/index.ts'
import { hasContent, keepDisks } from '../disks/keep-disks.ts'
import { daysAfter } from '../disks/replace-disk.ts'
import { DomainError } from '../platform/errors.ts'
import { endOwned } from './owned-rows.ts'
import { listChildren } from '../lifecycle/family.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transitionFamily } from '../lifecycle/transition-family.ts'

/**
 * Allowed in every status; removing a removed workspace changes nothing.
 * @param options `keepDisk`: the disks are kept until they are deleted; otherwise for DISK_RETENTION_DAYS
 * @returns the ids of every workspace that this call removed, the one that was named first, and of the disks that are kept
 * @throws DomainError `not_found`; `confirmation_required` when there are children and `confirm` is false
 */
export async function removeWorkspace(
  services: Context & Core,
  id: string,
  { confirm, keepDisk }: { confirm: boolean; keepDisk: boolean },
): Promise<{ ids: string[]; keptDisks: string[] }> {
  const now = services.now()
  const { retentionDays } = services.config.disks
  const keeps = keepDisk || retentionDays > 0
  const keptUntil = keepDisk ? null : daysAfter(now, retentionDays)
  await getWorkspace(services.db, id)
  if (!confirm) await refuseWithChildren(services, id)
  const removeFamily = () =>
    transitionFamily(services, {
      id,
      event: 'removed',
      now,
      changes: {
        removedAt: now,
        nextCheckAt: now,
        deadlineAt: null,
        ...(keeps ? { diskId: sql`case when ${hasContent} then null else ${workspaces.diskId} end` } : {}),
      },
      also: endOwned(sql`select id from moved`, now),
      ...(keeps
        ? { withs: keepDisks(services, { now, reason: 'workspace_removed', until: keptUntil }) }
        : {}),
    })
  const ids: string[] = []
  // A statement does not see the children that are stored while it waits for their parent.
  for (let more = await removeFamily(); more.length > 0; more = await removeFamily()) ids.push(...more)
  return { ids, keptDisks: keeps ? await keptAt(services, ids, now) : [] }
}

async function keptAt({ db }: Store, ids: string[], now: Date): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = await db
    .select({ id: disks.id })
    .from(disks)
    .where(and(inArray(disks.madeFor, ids), eq(disks.retainedAt, now), isNull(disks.workspaceId)))
  return rows.map(({ id }) => id)
}

async function refuseWithChildren(services: Store, id: string): Promise<void> {
  const children = await listChildren(services, id)
  if (children.length === 0) return
  throw new DomainError(
    'confirmation_required',
    'this workspace has children: repeat with ?confirm=true to remove them too',
    { details: { status: 'confirmation_required', children, children_count: children.length } },
  )
}
