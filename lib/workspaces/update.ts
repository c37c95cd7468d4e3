// PATCH /workspaces/:id: changes the spec of a workspace. Changes that its machine gets only by a restart apply at
// the next one, and the answer says so.
import type { ReconcileContext } from '../reconcile/context.ts'
import { and, eq, ne, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { checkParent, isLivingParent } from '../lifecycle/family.ts'
import { checkGrowth, growDisk } from '../disks/grow-disk.ts'
import { diskRecords, insertDisks, newDisk } from '../disks/new-disk.ts'
import { invalidField } from '../platform/errors.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { isExternal } from '../machines/runtimes.ts'
import { slugTaken } from '../lifecycle/slugs.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import { changeWorkspace } from '../lifecycle/transition.ts'
import { statusConflict } from './status-conflict.ts'
import type { Disk, Workspace } from '../lifecycle/workspace.ts'
import { mergePatch, patched, patchedColumn } from './patched.ts'
import { MAX_LABELS } from './labels-input.ts'
import { refuseMachineMembers } from './external.ts'
import { prepareFiles } from './files-input.ts'
import { deleteOtherFiles, fileRecords, insertFiles, listedFiles } from './store-files.ts'
import {
  imageOf,
  MAX_CONFIG_BYTES,
  MAX_ENV,
  regionsOf,
  runtimeOf,
  tierOf,
  type UpdateWorkspaceInput,
  wakeAtOf,
} from './workspace-input.ts'

/** @throws DomainError `not_found`, `invalid_input`, or `conflict` when the workspace is removed */
export async function updateWorkspace(
  services: ReconcileContext,
  id: string,
  input: UpdateWorkspaceInput,
): Promise<Workspace> {
  const { config, db } = services
  const row = await getWorkspace(db, id)
  const newParent = input.parent_id && input.parent_id !== row.parentId ? input.parent_id : undefined
  const checkNewParent = async () => {
    if (newParent !== undefined) await checkParent(services, id, newParent)
  }
  await checkNewParent()
  if (isExternal(row)) refuseMachineMembers(input)
  const files = input.files === undefined ? undefined : await prepareFiles(input.files ?? {})
  const records = files === undefined ? undefined : fileRecords([{ id, files }])
  if (input.disk_path != null && input.disk_path !== row.diskPath) {
    throw invalidField('disk_path', `the disk is at ${row.diskPath}: its path cannot be changed`)
  }
  if (input.runtime != null && isExternal(row) !== isExternal({ runtime: input.runtime }))
    throw invalidField(
      'runtime',
      `is ${row.runtime}: a workspace never gets or loses its machine; create another one`,
    )
  const wanted = {
    ...(input.name === undefined ? {} : { name: input.name }),
    ...(input.role === undefined ? {} : { role: input.role || null }),
    ...(input.runtime === undefined ? {} : { runtime: runtimeOf(input.runtime) }),
    ...(input.tier === undefined ? {} : { tier: tierOf(input.tier) }),
    ...(input.region === undefined && input.regions === undefined
      ? {}
      : { regions: regionsOf(services, input) }),
    ...(input.model === undefined ? {} : { model: input.model || null }),
    ...(input.parent_id === undefined ? {} : { parentId: input.parent_id }),
    ...(input.env === undefined ? {} : { env: patched('env', row.env, input.env, MAX_ENV) }),
    ...(input.config === undefined ? {} : { config: configOf(row, input.config) }),
    ...(files === undefined ? {} : { files: listedFiles(files) }),
    ...(input.image === undefined ? {} : { image: imageOf(config, input.image) }),
  } satisfies Partial<Workspace>
  if (input.labels !== undefined) patched('labels', row.labels, input.labels, MAX_LABELS)
  const wakeAt = wakeAtOf(input.wake_at, services.now())
  const changed = Object.entries(wanted).filter(
    ([column, value]) => JSON.stringify(value) !== JSON.stringify(row[column as keyof typeof wanted]),
  )
  // Growing a disk cannot be undone, so it comes after everything that may refuse the request. Of requests that race for a
  // slug, only the one that gets it goes on.
  if (input.slug != null && input.slug !== row.slug && grows(row, input))
    await takeSlug(services, id, input.slug)
  const { added, needsRestart } = await resizeDisk(services, row, input.disk_gb)
  const moved = await changeWorkspace(services, {
    id,
    event: 'workspace_updated',
    now: services.now(),
    where: and(
      ne(workspaces.status, 'removed'),
      newParent === undefined ? undefined : isLivingParent(newParent),
      input.config === undefined ? undefined : eq(workspaces.specVersion, row.specVersion),
    ),
    changes: {
      ...wanted,
      ...(input.env === undefined ? {} : { env: patchedColumn(workspaces.env, input.env) }),
      ...(input.slug === undefined ? {} : { slug: input.slug }),
      ...(input.labels === undefined ? {} : { labels: patchedColumn(workspaces.labels, input.labels) }),
      ...(input.public_card === undefined ? {} : { publicCard: input.public_card }),
      ...(input.complete_messages === undefined
        ? {}
        : { completesMessages: input.complete_messages ?? true }),
      ...(input.idle_minutes === undefined ? {} : { idleMinutes: input.idle_minutes }),
      ...(wakeAt === undefined ? {} : { wakeAt }),
      ...(input.on_outside_stop === undefined
        ? {}
        : { onOutsideStop: input.on_outside_stop ?? config.sleep.onOutsideStop }),
      ...(input.on_host_loss === undefined ? {} : { onHostLoss: input.on_host_loss ?? 'wait' }),
      // Two requests at once add one disk.
      ...(added === null ? {} : { diskId: sql`coalesce(${workspaces.diskId}, ${added.id})` }),
      ...(changed.length === 0 && !needsRestart ? {} : { specVersion: sql`${workspaces.specVersion} + 1` }),
    },
    payload: {
      fields: Object.keys(input),
      ...shownOf(wanted),
      ...(input.slug === undefined ? {} : { slug: input.slug }),
      ...(input.labels === undefined ? {} : { labels: input.labels }),
    },
    also: [
      ...(records === undefined ? [] : [deleteOtherFiles('moved', records), insertFiles('moved', records)]),
      ...(added === null ? [] : [insertDisks('moved', diskRecords([added]))]),
    ],
  }).catch(refuseTakenSlug(input.slug))
  if (moved === undefined) {
    // It may have been removed meanwhile.
    await checkNewParent()
    // Another change has come first, of the configuration or of something else.
    if (input.config !== undefined && row.status !== 'removed') return updateWorkspace(services, id, input)
    throw await statusConflict(services, id, 'changed')
  }
  // The statement read the disk of the row before it stored the new one.
  return added !== null && moved.diskId === added.id ? { ...moved, disk: added } : moved
}

/** @throws DomainError when it would be too long */
function configOf({ config }: Workspace, changes: Record<string, unknown> | null): Workspace['config'] {
  const merged = changes === null ? {} : mergePatch(config, changes)
  if (JSON.stringify(merged).length > MAX_CONFIG_BYTES)
    throw invalidField(
      'config',
      `would be longer than ${MAX_CONFIG_BYTES} bytes as JSON: remove members with null`,
    )
  return merged
}

/** @throws DomainError when the disk cannot grow */
function grows({ disk }: Workspace, { disk_gb: sizeGb }: UpdateWorkspaceInput): boolean {
  if (disk === null || sizeGb == null || sizeGb === disk.sizeGb) return false
  checkGrowth(disk, sizeGb)
  return true
}

/** @throws DomainError `conflict` */
async function takeSlug(services: ReconcileContext, id: string, slug: string): Promise<void> {
  const moved = await changeWorkspace(services, {
    id,
    event: 'workspace_updated',
    now: services.now(),
    where: ne(workspaces.status, 'removed'),
    changes: { slug },
    payload: { fields: ['slug'], slug },
  }).catch(refuseTakenSlug(slug))
  if (moved === undefined) throw await statusConflict(services, id, 'changed')
}

const refuseTakenSlug =
  (slug: string | null | undefined) =>
  (error: unknown): never => {
    throw slug != null && isUniqueViolation(error) ? slugTaken(slug) : error
  }

type Resized = {
  /** A disk for a workspace that has none: its next machine has it. */
  added: Disk | null
  needsRestart: boolean
}

/** @throws DomainError */
async function resizeDisk(
  services: ReconcileContext,
  row: Workspace,
  sizeGb: number | null | undefined,
): Promise<Resized> {
  if (sizeGb == null || (sizeGb === 0 && row.disk === null)) return { added: null, needsRestart: false }
  if (row.status === 'removed') throw await statusConflict(services, row.id, 'changed')
  if (row.disk !== null) return { added: null, ...(await growDisk(services, row.disk, sizeGb)) }
  return { added: newDisk(row.id, services.now(), { sizeGb }), needsRestart: true }
}

/** What the event shows of the change. Other values may be long, and `env` may be confidential. */
function shownOf({ image, name, parentId, regions, runtime, tier }: Partial<Workspace>) {
  return {
    ...(name === undefined ? {} : { name }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(tier === undefined ? {} : { tier }),
    ...(regions === undefined ? {} : { regions }),
    ...(image === undefined ? {} : { image }),
    ...(parentId === undefined ? {} : { parent_id: parentId }),
  }
}
