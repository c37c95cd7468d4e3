// Deletes delivered secrets from the provider when their machines are gone or have newer values. Unknown is not gone:
// a workspace that may still have a machine keeps its secrets.
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
 * Whether a machine may need a secret, now or during the deletion. A repeated launch uses the same names, so only
 * names that no launch can use again are deleted. A failed workspace returns only with a new generation.
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

/** The most names in one change. */
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
    const obsolete: string[] = []
    // Read after the list: later deliveries are not in it, and its entries were stored before their delivery.
    for (let from = 0; from < delivered.length; from += BATCH) {
      const batch = delivered.slice(from, from + BATCH)
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
        .where(inArray(workspaces.id, [...new Set(batch.map(({ workspaceId }) => workspaceId))]))
      const holders = new Map(rows.map((row) => [row.id, row]))
      obsolete.push(
        ...batch
          .filter((secret) => !isStillNeeded(app, secret, holders.get(secret.workspaceId)))
          .map(({ name }) => name),
      )
    }
    for (let from = 0; from < obsolete.length; from += BATCH) {
      await provisioner.deleteSecrets(app, obsolete.slice(from, from + BATCH))
    }
  }
}
