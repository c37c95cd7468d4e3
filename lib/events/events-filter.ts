// Which events a reader wants, as a condition of statements that are built once.
import { gte, lt, notInArray, type SQL, sql } from 'drizzle-orm'
import type { ValueOf } from '../../drizzle/prepared.ts'
import { events } from '../../drizzle/schema/index.ts'
import { ADMINS_ONLY, type EventType } from './event-types.ts'

export type EventsFilter = {
  /** Without it: all except those for administrators only, which must be named. */
  types?: readonly EventType[] | undefined
  workspaceId?: string | undefined
  /** Only events of workspaces that have these labels now. */
  labels?: Readonly<Record<string, string>> | undefined
  /** Only events of these workspaces; undefined: of all, and events without a workspace. */
  among?: readonly string[] | undefined
  /** Only events at this time or later. */
  since?: Date | undefined
  /** Only events before this time. */
  until?: Date | undefined
}

export type FilterValues = {
  /** Null: without those for administrators only. This and `among` are arrays as Postgres writes them. */
  types: string | null
  workspaceId: string | null
  among: string | null
  since: Date | null
  until: Date | null
}

/** The values of {@link matches}. */
export const filterValues = ({ among, since, types, until, workspaceId }: EventsFilter): FilterValues => ({
  types: types === undefined ? null : `{${types.join(',')}}`,
  workspaceId: workspaceId ?? null,
  among: among === undefined ? null : `{${among.join(',')}}`,
  since: since ?? null,
  until: until ?? null,
})

/**
 * What a filter allows. Postgres plans the statement for its values, so it drops the parts whose values are null, and uses
 * indexes for the others.
 */
export const matches = (valueOf: ValueOf<FilterValues>): SQL => {
  const types = sql`${valueOf('types')}::text[]`
  const onlyIf = (value: SQL, condition: SQL) => sql`(${value} is null or ${condition})`
  // Selected, it counts as one of average size: for a large one Postgres would walk through the events of all, even if its own are old.
  const workspaceId = sql`${valueOf('workspaceId')}::uuid`
  const among = sql`${valueOf('among')}::uuid[]`
  const since = sql`${valueOf('since')}::timestamptz`
  const until = sql`${valueOf('until')}::timestamptz`
  return sql`case when ${types} is null then ${notInArray(events.type, [...ADMINS_ONLY])} else ${events.type} = any(${types}) end
    and ${onlyIf(workspaceId, sql`${events.workspaceId} = (select ${workspaceId})`)}
    and ${onlyIf(among, sql`${events.workspaceId} = any(${among})`)}
    and ${onlyIf(since, gte(events.at, since))} and ${onlyIf(until, lt(events.at, until))}`
}
