// What was handed to machines that are gone, or that have newer values, is taken back from the provider: it costs nothing, and
// is a key that somebody may find. Unknown is not gone: whatever may still have a machine keeps its secrets.
import { inArray } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Store } from '../platform/context.ts'
import { readControlPlaneId } from '../platform/control-plane-id.ts'
import type { DeliveredSecret, Provisioner } from '../provisioner/provisioner.ts'

type Holder = Pick<
  typeof workspaces.$inferSelect,
  'app' | 'id' | 'launchId' | 'machineGeneration' | 'machineId' | 'status'
>

/**
 * Whether a machine may need it, now or while it is being taken back: a launch that is repeated uses the same names, so only those
 * are taken that no launch can use again. A workspace that has failed comes back with a new generation alone.
 * @param holder its workspace; undefined when there is none
 */
export function isStillNeeded(
  app: string,
  { generation }: DeliveredSecret,
  holder: Holder | undefined,
): boolean {
  if (holder === undefined) return false
  const { launchId, machineGeneration, machineId, status } = holder
  if (launchId === null) return status !== 'removed' && status !== 'failed'
  if (machineId === null || machineGeneration === null) return true
  return holder.app === app ? generation >= machineGeneration : generation > machineGeneration
}

/** Names in one change, at most. */
const BATCH = 500

/** @throws ProvisionError */
export async function deleteDeliveredSecrets({
  db,
  provisioner,
}: Pick<Store, 'db'> & { provisioner: Provisioner }): Promise<void> {
  const self = await readControlPlaneId(db)
  if (self === undefined) return
  for (const app of provisioner.apps) {
    const delivered = await provisioner.listSecrets(app, self)
    const needless: string[] = []
    // Read after the list: what was delivered since is not in it, and what is in it was stored before it was delivered.
    for (let from = 0; from < delivered.length; from += BATCH) {
      const some = delivered.slice(from, from + BATCH)
      const rows = await db
        .select({
          id: workspaces.id,
          app: workspaces.app,
          launchId: workspaces.launchId,
          machineId: workspaces.machineId,
          status: workspaces.status,
          machineGeneration: workspaces.machineGeneration,
        })
        .from(workspaces)
        .where(inArray(workspaces.id, [...new Set(some.map(({ workspaceId }) => workspaceId))]))
      const holders = new Map(rows.map((row) => [row.id, row]))
      needless.push(
        ...some
          .filter((secret) => !isStillNeeded(app, secret, holders.get(secret.workspaceId)))
          .map(({ name }) => name),
      )
    }
    for (let from = 0; from < needless.length; from += BATCH) {
      await provisioner.deleteSecrets(app, needless.slice(from, from + BATCH))
    }
  }
}
