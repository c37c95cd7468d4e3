// `from` of POST /workspaces: a new workspace with a copy of a disk, and with the shape of the workspace that the disk
// was made for, as far as the caller says nothing else. Branching an agent is one call.
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { type DiskSource, workspaceFiles } from '../../drizzle/schema/index.ts'
import type { DiskContext } from '../disks/context.ts'
import { getDisk } from '../disks/list-disks.ts'
import { copyOf } from '../disks/replace-disk.ts'
import { findSnapshot, sourceOf } from '../disks/snapshots.ts'
import { assertCopies } from '../disks/assert-copies.ts'
import { getLivingWorkspace, getWorkspace } from '../lifecycle/queries.ts'
import type { Disk, Workspace } from '../lifecycle/workspace.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { workspaceIdInput } from '../platform/uuid.ts'
import type { PreparedFile } from './files-input.ts'

export const FromInput = z.union(
  [
    z.strictObject({ workspace: workspaceIdInput() }),
    z.strictObject({ snapshot: boundedText().max(255) }),
    z.strictObject({ disk: boundedText().max(64) }),
  ],
  { error: 'must be {"workspace": id}, {"snapshot": id} or {"disk": id}' },
)

export type Origin = {
  /** The workspace whose shape the new one has. */
  template: Workspace
  files: PreparedFile[]
  /** What the new disk starts from, for a workspace in these regions. */
  diskFor: (regions: string[]) => { source: DiskSource; app: string | null; region: string | null }
  /** The least size of the new disk, in GB. */
  sizeGb: number
}

/**
 * @throws DomainError `invalid_input` naming the field; `conflict` for a disk or a snapshot that is not ready;
 *   `not_implemented` where disks cannot be copied
 */
export async function findOrigin(services: DiskContext, from: z.infer<typeof FromInput>): Promise<Origin> {
  assertCopies(services.provisioner)
  const { disk, snapshot } = await find(services, from)
  const template = await getWorkspace(services.db, disk.madeFor)
  return {
    template,
    files: await filesOf(services, template),
    sizeGb: disk.sizeGb,
    diskFor(regions) {
      if (snapshot !== undefined) return { source: snapshot, app: disk.app, region: null }
      const isSameRegion = disk.region !== null && regions.includes(disk.region)
      const source = copyOf(disk, isSameRegion)
      return { source, app: disk.app, region: source.kind === 'disk' ? disk.region : null }
    },
  }
}

async function find(
  services: DiskContext,
  from: z.infer<typeof FromInput>,
): Promise<{ disk: Disk; snapshot?: DiskSource }> {
  if ('snapshot' in from) {
    const found = await findSnapshot(services, from.snapshot, 'from.snapshot')
    return { disk: found.disk, snapshot: sourceOf(found) }
  }
  const field = 'disk' in from ? 'from.disk' : 'from.workspace'
  const disk = await (
    'disk' in from
      ? getDisk(services.db, from.disk)
      : getLivingWorkspace(services.db, from.workspace).then((row) => row.disk)
  ).catch((error: unknown) => {
    throw error instanceof DomainError ? invalidField(field, 'does not exist') : error
  })
  if (disk === null) throw invalidField(field, 'has no disk')
  if (disk.state !== 'ready') {
    throw new DomainError(
      'conflict',
      `the disk ${disk.id} is ${disk.state}: it can be copied when it is ready`,
    )
  }
  return { disk }
}

async function filesOf({ db }: DiskContext, { files, id }: Workspace): Promise<PreparedFile[]> {
  if (files.length === 0) return []
  const stored = await db.select().from(workspaceFiles).where(eq(workspaceFiles.workspaceId, id))
  // Those of a removed workspace are deleted.
  return files.flatMap((file) => {
    const content = stored.find(({ path }) => path === file.path)
    return content === undefined ? [] : [{ ...file, base64: content.base64 }]
  })
}
