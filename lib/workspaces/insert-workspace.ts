// Stores a new workspace with its secrets, files, disk and event, in one statement.
import type { Store } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import { secrets, workspaces } from '../../drizzle/schema/index.ts'
import { insertDisk } from '../disks/new-disk.ts'
import { slugTaken } from '../lifecycle/slugs.ts'
import { appendEvents } from '../lifecycle/transition.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { machineTier } from '../machines/runtimes.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import type { sealAll } from '../secrets/sealing-key.ts'
import type { PreparedFile } from './files-input.ts'
import { insertFiles } from './store-files.ts'

type SealedSecret = Awaited<ReturnType<typeof sealAll>>[number]

/**
 * @returns false when the idempotency key is taken, and nothing was stored
 * @throws DomainError `conflict` when the slug is taken
 */
export async function insertWorkspace(
  services: Store,
  { disk, ...row }: Workspace,
  sealed: SealedSecret[],
  files: PreparedFile[],
): Promise<boolean> {
  const { db } = services
  const created = db.$with('created').as(
    db.insert(workspaces).values(row).onConflictDoNothing({ target: workspaces.idempotencyKey }).returning({
      id: workspaces.id,
      generation: workspaces.generation,
      status: workspaces.status,
      diskId: workspaces.diskId,
      createdAt: workspaces.createdAt,
    }),
  )
  const kept = db.$with('kept', {}).as(
    sql`insert into ${secrets} (id, workspace_id, key, key_id, sealed, created_at, updated_at)
        select gen_random_uuid(), created.id, secret.key, secret."keyId", secret.sealed, created.created_at, created.created_at
        from created, jsonb_to_recordset(${JSON.stringify(sealed)}::jsonb) as secret(key text, "keyId" text, sealed text)`,
  )
  const filed = db.$with('filed', {}).as(insertFiles('created', files))
  // Through a relation of the row's own columns: nothing is stored when the idempotency key is taken.
  const owned = db.$with('owned', {}).as(insertDisk('created', disk))
  const { image, labels, name, parentId, regions, runtime, slug } = row
  const logged = appendEvents(services, 'created', {
    event: 'workspace_created',
    now: row.createdAt,
    payload: { name, slug, runtime, tier: machineTier(row), regions, image, parent_id: parentId, labels },
  })
  try {
    const rows = await db.with(created, kept, filed, owned, logged).select({ id: created.id }).from(created)
    return rows.length > 0
  } catch (error) {
    if (row.slug === null || !isUniqueViolation(error)) throw error
    throw slugTaken(row.slug)
  }
}
