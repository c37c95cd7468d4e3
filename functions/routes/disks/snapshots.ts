// Snapshots: take and list those of a workspace's disk, list those of any disk, and restore a workspace to one.
import { createRoute, z } from '@hono/zod-openapi'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getDisk } from '../../../lib/disks/list-disks.ts'
import { listSnapshots, snapshotId, type SnapshotOf, takeSnapshot } from '../../../lib/disks/snapshots.ts'
import { getLivingWorkspace } from '../../../lib/lifecycle/queries.ts'
import type { Disk } from '../../../lib/lifecycle/workspace.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import { RestoreInput, restoreWorkspace } from '../../../lib/workspaces/restore.ts'
import { priceOf } from '../../../lib/provisioner/prices.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../../http/openapi.ts'
import { preferredWait } from '../../http/prefer.ts'
import { publicUrlOf } from '../../http/public-url.ts'
import { reconcileAfterResponse } from '../../http/reconcile-after-response.ts'
import { withCaller } from '../../http/with-caller.ts'
import { toWorkspaceView, WorkspaceView } from '../workspaces/view.ts'
import { DiskParam, GB } from './view.ts'

const SnapshotView = described(() =>
  z
    .object({
      id: z
        .string()
        .nullable()
        .describe('For `restore`, and for `from` of a new workspace. Null while it is being taken.'),
      disk_id: z.string(),
      state: z.string().describe("The provider's own word."),
      usable: z.boolean().describe('Whether a disk can be made of it now.'),
      created_at: z.iso.datetime(),
      retention_days: z.int().nullable().describe('For how many days the provider keeps it.'),
      size_gb: z.number().nullable().describe('What it occupies; null: not known yet.'),
      usd_per_month: z
        .number()
        .nullable()
        .describe(
          'An estimate; null where snapshots have no price. On Fly the first 10 GB of an account cost nothing.',
        ),
    })
    .openapi('Snapshot'),
)

const listOf = described(() => z.array(SnapshotView))

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/snapshots',
  operationId: 'listSnapshots',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(listOf, 'The snapshots of its disk, newest first.'),
    404: problem('No such workspace, or it is removed.'),
    409: problem('The workspace has no disk, or the disk is not made yet.'),
    503: problem('The provider did not list them.'),
  })),
})

const listOfDiskRoute = createRoute({
  method: 'get',
  path: '/disks/{disk}/snapshots',
  operationId: 'listSnapshotsOfDisk',
  request: { params: DiskParam },
  responses: described(() => ({
    200: json(listOf, 'The snapshots of the disk, newest first.'),
    404: problem('No such disk.'),
    409: problem('The disk is not made yet.'),
    503: problem('The provider did not list them.'),
  })),
})

const takeRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/snapshots',
  operationId: 'takeSnapshot',
  request: { params: IdParam },
  responses: described(() => ({
    202: json(
      z.object({ snapshot: z.union([SnapshotView, z.null()]).describe('Null until the provider shows it.') }),
      'Requested. `Prefer: wait=60` waits until the snapshot can be used.',
    ),
    404: problem('No such workspace, or it is removed.'),
    409: problem('The workspace has no disk, or the disk is not ready.'),
    501: problem('This provider keeps no snapshots.'),
    503: problem('The provider did not take it.'),
  })),
})

const restoreRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/restore',
  operationId: 'restoreWorkspace',
  request: { params: IdParam, body: jsonBody(RestoreInput) },
  responses: described(() => ({
    200: json(
      WorkspaceView,
      'The workspace gets a new disk from the snapshot, and restarts with it. The disk before is kept for at least seven days. `Prefer: wait=60` waits until the workspace is ready.',
    ),
    400: problem('The snapshot does not exist, or is of another workspace.'),
    404: problem('No such workspace.'),
    409: problem('The workspace is removed or has no disk, or the snapshot is not usable yet.'),
    501: problem('This provider keeps no snapshots.'),
    503: problem('The provider did not list the snapshots.'),
  })),
})

export function snapshotRoutes(services: Services) {
  const app = createRouter()
  const view = (one: SnapshotOf): z.infer<typeof SnapshotView> => {
    const { bytes, createdAt, isUsable, retentionDays, state } = one.snapshot
    const size = bytes === undefined ? null : Math.round((bytes / GB) * 1000) / 1000
    return {
      id: snapshotId(one),
      disk_id: one.disk.id,
      state,
      usable: isUsable,
      created_at: createdAt.toISOString(),
      retention_days: retentionDays ?? null,
      size_gb: size,
      usd_per_month: priceOf(services.provisioner.prices, ({ perSnapshotGb }) => (size ?? 0) * perSnapshotGb),
    }
  }

  app.openapi(listRoute, async (c) => {
    const { disk } = await getLivingWorkspace(services.db, c.req.valid('param').id)
    return c.json((await listSnapshots(services, assertDisk(disk))).map(view), 200)
  })

  app.openapi(listOfDiskRoute, async (c) => {
    const disk = await getDisk(services.db, c.req.valid('param').disk)
    return c.json((await listSnapshots(services, disk)).map(view), 200)
  })

  app.openapi(takeRoute, async (c) => {
    const { disk } = await getLivingWorkspace(services.db, c.req.valid('param').id)
    const taken = await takeSnapshot(withCaller(services, c), assertDisk(disk), preferredWait(c) ?? 0)
    return c.json({ snapshot: taken === undefined ? null : view(taken) }, 202)
  })

  app.openapi(restoreRoute, async (c) => {
    const { id } = c.req.valid('param')
    const row = await restoreWorkspace(withCaller(services, c), id, c.req.valid('json'))
    const settled = (await reconcileAfterResponse(services, c, [id])) ?? row
    return c.json(toWorkspaceView(services, settled, publicUrlOf(services.config, c)), 200)
  })

  return app
}

/** @throws DomainError `conflict` */
function assertDisk(disk: Disk | null): Disk {
  if (disk === null) throw new DomainError('conflict', 'the workspace has no disk')
  return disk
}
