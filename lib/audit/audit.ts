// Which caller made which request, from where, and with what outcome: rows of the type `audit` in the event log.
// Never a body, and no header except `User-Agent`.
import type { Store } from '../platform/context.ts'
import { and, asc, desc, gt, gte, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { events } from '../../drizzle/schema/index.ts'
import { narrowRange, type SeqRange } from '../events/range-of-times.ts'

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

export type AuditQuery = {
  /** Entries after this sequence number, in order; without it the newest first. */
  after?: number | undefined
  /** Only entries before this sequence number: the next page of the newest. */
  before?: number | undefined
  workspaceId?: string | undefined
  caller?: string | undefined
  /** Method and pattern, as in the access policy. */
  route?: string | undefined
  outcome?: AuditOutcome | undefined
  since?: Date | undefined
  until?: Date | undefined
  limit: number
}

export async function listAudit({ db }: Store, query: AuditQuery): Promise<Audited[]> {
  const { after = 0, before = Number.MAX_SAFE_INTEGER } = query
  const range = await narrowRange(db, { after, upTo: before - 1 }, query)
  const rows = await auditStatement(db, query, range)
  return rows.map(({ at, payload, seq, workspaceId: id }) => ({
    seq,
    at: at.toISOString(),
    workspace_id: id,
    ...(payload as AuditEntry),
  }))
}

/** The statement of {@link listAudit}. Each filter has an index (drizzle/schema/events.ts). */
export function auditStatement(db: Database, query: AuditQuery, range: SeqRange) {
  const { after, caller, limit, outcome, route, since, until, workspaceId } = query
  // The type is written out, because an index of audit entries only is not used for a parameter.
  const conditions: (SQL | undefined)[] = [
    sql`${events.type} = 'audit'`,
    gt(events.seq, range.after),
    lte(events.seq, range.upTo),
    // Selected, a value counts as one of average frequency: for a frequent one Postgres would walk through the entries of all, even
    // if its own are old.
    workspaceId === undefined ? undefined : sql`${events.workspaceId} = (select ${workspaceId}::uuid)`,
    caller === undefined ? undefined : sql`${events.payload} ->> 'caller' = (select ${caller}::text)`,
    route === undefined ? undefined : sql`${events.payload} ->> 'route' = (select ${route}::text)`,
    outcome === undefined ? undefined : sql`${events.payload} ->> 'outcome' = (select ${outcome}::text)`,
    since === undefined ? undefined : gte(events.at, since),
    until === undefined ? undefined : lt(events.at, until),
  ]
  return db
    .select()
    .from(events)
    .where(and(...conditions))
    .orderBy(after === undefined ? desc(events.seq) : asc(events.seq))
    .limit(limit)
}
