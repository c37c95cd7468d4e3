// Stores audit entries. Entries that come while a statement is under way are stored together by the next one, so that many
// changes at a time need few statements.
import { insertEvents } from '../events/append-event.ts'
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
type Waiting = { row: Row; resolve: () => void; reject: (error: unknown) => void }

/** @param isBatched whether requests may wait for each other; on Workers they may not */
export function createAuditLog({ db, now }: Store, isBatched: boolean): AuditLog {
  const rowOf = (workspaceId: string | null, entry: AuditEntry): Row => ({
    event: 'audit',
    workspaceId,
    payload: entry,
    at: now(),
  })
  if (!isBatched) return { record: (workspaceId, entry) => insertEvents(db, rowOf(workspaceId, entry)) }
  const waiting: Waiting[] = []
  let isRunning = false

  async function run(): Promise<void> {
    isRunning = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH)
      try {
        await insertEvents(db, ...batch.map(({ row }) => row))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isRunning = false
  }

  return {
    record: (workspaceId, entry) =>
      new Promise((resolve, reject) => {
        waiting.push({ row: rowOf(workspaceId, entry), resolve, reject })
        if (!isRunning) void run()
      }),
  }
}
