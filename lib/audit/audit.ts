// Which caller made which request, from where, and with what outcome: rows of the type `audit` in the event log.
// Never a body, and no header except `User-Agent`.
import type { Store } from '../platform/context.ts'
import { and, asc, desc, eq, gt, type SQL, sql } from 'drizzle-orm'
import { events } from '../../drizzle/schema/index.ts'
import { insertEvent } from '../events/append-event.ts'

const AUDIT = 'audit'

/** `refused`: 4xx; `failed`: 5xx. */
export type AuditOutcome = 'ok' | 'refused' | 'failed'

export type AuditEntry = {
  /** The caller's key (lib/auth/caller.ts), and a token's name. */
  caller: string
  caller_name: string | null
  /** Method and pattern, as in the access policy. */
  route: string
  status: number
  outcome: AuditOutcome
  address: string
  /** Workspaces that the request named beside the one in its path. */
  other_workspaces?: string[]
  /** The name of the program that was to run in a machine; never its arguments, input or output. */
  command?: string
  request_id: string
  user_agent: string | null
}

export type Audited = AuditEntry & { seq: number; at: string; workspace_id: string | null }

export const outcomeOf = (status: number): AuditOutcome =>
  status < 400 ? 'ok' : status < 500 ? 'refused' : 'failed'

/** @param workspaceId null for a request about no workspace, or about one that never existed */
export async function recordAudit(
  { db, now }: Store,
  workspaceId: string | null,
  entry: AuditEntry,
): Promise<void> {
  await insertEvent(db, { event: AUDIT, workspaceId, payload: entry, at: now() })
}

export type AuditQuery = {
  /** Entries after this sequence number, in order; without it the newest first. */
  after?: number | undefined
  workspaceId?: string | undefined
  caller?: string | undefined
  limit: number
}

export async function listAudit({ db }: Store, query: AuditQuery): Promise<Audited[]> {
  const { after, caller, limit, workspaceId } = query
  const conditions: (SQL | undefined)[] = [
    eq(events.type, AUDIT),
    after === undefined ? undefined : gt(events.seq, after),
    workspaceId === undefined ? undefined : eq(events.workspaceId, workspaceId),
    caller === undefined ? undefined : sql`${events.payload} ->> 'caller' = ${caller}`,
  ]
  const rows = await db
    .select()
    .from(events)
    .where(and(...conditions))
    .orderBy(after === undefined ? desc(events.seq) : asc(events.seq))
    .limit(limit)
  return rows.map(({ at, payload, seq, workspaceId: id }) => ({
    seq,
    at: at.toISOString(),
    workspace_id: id,
    ...(payload as AuditEntry),
  }))
}
