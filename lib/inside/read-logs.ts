// A page of a workspace's log, for GET /workspaces/:id/logs. Without a machine: what was kept of the last one.
import type { LastLines } from '../reconcile/last-lines.ts'
import { readLastLines } from '../reconcile/last-lines.ts'
import { DomainError } from '../platform/errors.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { encodeCursor, type LogCursor } from './log-cursor.ts'
import { type LogFilter, matches, newestOf } from './log-query.ts'
import { refuseRequest } from '../provisioner/request-error.ts'
import { type LogEntry, openLog, readPage } from './workspace-log.ts'

export type LogsQuery = LogFilter & {
  after?: LogCursor | undefined
  /** Lines at most, the newest ones; only without `after`. */
  tail: number
}

export type LogsPage =
  | { from: 'provider'; entries: LogEntry[]; next: string | undefined; missed: boolean }
  | { from: 'kept'; kept: LastLines }

/**
 * An empty page means that nothing is new, or that the provider keeps no line any more. Failures are errors.
 * @throws DomainError `conflict` when there is no machine and nothing was kept
 */
export async function readLogs(
  services: ReconcileContext,
  workspaceId: string,
  { after, tail, ...filter }: LogsQuery,
): Promise<LogsPage> {
  const log = await openLog(services, workspaceId)
  if (log.row.machineId === null && after === undefined) {
    const kept = await readLastLines(services.db, workspaceId)
    if (kept !== undefined) return { from: 'kept', kept }
    throw new DomainError(
      'conflict',
      'the workspace has no machine, and no machine of it has ended by itself',
      {
        details: { workspace_status: log.row.status },
      },
    )
  }
  const { entries, missed } = await readPage(services, log, after).catch(refuseRequest)
  const last = entries.at(-1)
  return {
    from: 'provider',
    entries:
      after === undefined
        ? newestOf(entries, filter, tail)
        : entries.filter((entry) => matches(filter, entry)),
    next: last?.position ?? (after === undefined ? undefined : encodeCursor(after)),
    missed,
  }
}
