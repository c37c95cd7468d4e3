// Stores audit entries. Entries that come at the same time share a statement, so that many changes at a time need few.
import { insertEvents } from '../events/append-event.ts'
import type { createBatches } from '../platform/batches.ts'
import type { Store } from '../platform/context.ts'
import type { AuditEntry } from './audit.ts'

/** Entries in one statement. */
const MAX_BATCH = 100

export type AuditLog = {
  /**
   * @param workspaceId null for a request about no workspace, or about one that never existed
   * @returns when the entry is stored
   */
  record(workspaceId: string | null, entry: AuditEntry): Promise<void>
}

type Row = Parameters<typeof insertEvents>[1]

/** @param batches where requests may wait for each other; on Workers they may not */
export function createAuditLog({ db, now }: Store, batches?: typeof createBatches): AuditLog {
  const rowOf = (workspaceId: string | null, entry: AuditEntry): Row => ({
    event: 'audit',
    workspaceId,
    payload: entry,
    at: now(),
  })
  const insert = batches?.<Row, void>({
    maxItems: MAX_BATCH,
    async run(rows) {
      await insertEvents(db, ...rows)
      return () => {}
    },
  })
  return {
    record(workspaceId, entry) {
      const row = rowOf(workspaceId, entry)
      return insert === undefined ? insertEvents(db, row) : insert('', row)
    },
  }
}
