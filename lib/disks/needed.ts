// Whether a disk is still needed, because another one is to be a copy of it. Such a disk is never deleted, also when its
// own workspace was removed.
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { disks, workspaces } from '../../drizzle/schema/index.ts'
import { isTransient, STATUSES, type WorkspaceStatus } from '../lifecycle/lifecycle.ts'
import type { Store } from '../platform/context.ts'

const copiesOf = (id: SQL) =>
  sql`from ${disks} copy where copy.source ->> 'disk_id' = ${id} and copy.state in ('wanted', 'creating')`

/** Whether a disk that is not made yet is to be a copy of this one. */
export const isNeeded: SQL = sql`exists (select ${copiesOf(sql`${disks.id}`)})`

/** Those in which nothing makes a copy before a request. */
const AT_REST = STATUSES.filter((status) => !isTransient(status) && status !== 'removed')

/** Whether such a copy belongs to a workspace at rest: it is made when that is restarted or resumed, or never. */
export const isNeededByOneAtRest = (id: SQL): SQL =>
  sql`exists (select ${copiesOf(id)} and exists (select from ${workspaces} owner
    where owner.disk_id = copy.id and owner.status::text = any(${`{${AT_REST.join(',')}}`}::text[])))`

/** A disk that is to be a copy, and the workspace that it is for. */
export type PendingCopy = { disk: string; workspace: string; status: WorkspaceStatus }

/** The copies for which a disk is needed. */
export const pendingCopies = ({ db }: Store, id: string): Promise<PendingCopy[]> =>
  db
    .select({ disk: disks.id, workspace: workspaces.id, status: workspaces.status })
    .from(disks)
    .innerJoin(workspaces, eq(workspaces.diskId, disks.id))
    .where(and(sql`${disks.source} ->> 'disk_id' = ${id}`, inArray(disks.state, ['wanted', 'creating'])))
    .orderBy(disks.id)

/** What an explanation or a refusal says of them. */
export const copiesText = (copies: PendingCopy[]): string =>
  copies.map(({ disk, status, workspace }) => `${disk} of workspace ${workspace} (${status})`).join(', ')
