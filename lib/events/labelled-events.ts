// The events of workspaces that have labels. Where few have them, each is asked for its own events: others may have written
// millions since. Where many have them, the labels are looked up event by event, which soon fills a page.
import { and, asc, desc, eq, gt, lte, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { events, hasLabels, workspaces } from '../../drizzle/schema/index.ts'
import { type FilterValues, matches } from './events-filter.ts'

/** Up to so many workspaces are asked one by one at first. */
const FEW = 100

/** How many events are looked at before even many workspaces are asked one by one: all others may be at rest. */
const LOOKED_AT = 500

export type LabelledValues = FilterValues & { labels: string; after: number; visible: number; limit: number }
type WalkValues = LabelledValues & { lookedAt: number | null }

/** Which events of those that match. */
export type End = 'oldest' | 'newest'

const inRange = (valueOf: ValueOf<LabelledValues>): SQL | undefined =>
  and(gt(events.seq, valueOf('after')), lte(events.seq, valueOf('visible')), matches(valueOf))

type SomeValues = Pick<LabelledValues, 'labels' | 'among' | 'limit'>

const isWanted = (valueOf: ValueOf<Pick<LabelledValues, 'labels' | 'among'>>): SQL => {
  const among = sql`${valueOf('among')}::uuid[]`
  return sql`${hasLabels(valueOf('labels'))} and (${among} is null or ${workspaces.id} = any(${among}))`
}

const findSome = prepared(
  (db, valueOf: ValueOf<SomeValues>) =>
    db.select({ id: workspaces.id }).from(workspaces).where(isWanted(valueOf)).limit(valueOf('limit')),
  { planEachTime: true },
)

/** Looks at events one after the other, and at the labels of their workspaces. */
export const walkStatement = (end: End) => (db: Database, valueOf: ValueOf<WalkValues>) => {
  const direction = end === 'oldest' ? asc : desc
  const looked = db
    .select()
    .from(events)
    .where(inRange(valueOf))
    .orderBy(direction(events.seq))
    .limit(valueOf('lookedAt'))
    .as('looked')
  // A join could read all workspaces first.
  const isLabelled = db
    .select({ is: hasLabels(valueOf('labels')) })
    .from(workspaces)
    .where(eq(workspaces.id, looked.workspaceId))
  return db
    .select()
    .from(looked)
    .where(sql`${isLabelled}`)
    .orderBy(direction(looked.seq))
    .limit(valueOf('limit'))
}

/** Reads a page of each workspace, and of these the first. */
export const eachStatement = (end: End) => (db: Database, valueOf: ValueOf<LabelledValues>) => {
  const direction = end === 'oldest' ? asc : desc
  const own = db
    .select()
    .from(events)
    .where(and(eq(events.workspaceId, workspaces.id), inRange(valueOf)))
    .orderBy(direction(events.seq))
    .limit(valueOf('limit'))
    .as('own')
  const { at, generation, payload, seq, type, workspaceId } = own
  return db
    .select({ at, generation, payload, seq, type, workspaceId })
    .from(workspaces)
    .crossJoinLateral(own)
    .where(isWanted(valueOf))
    .orderBy(direction(seq))
    .limit(valueOf('limit'))
}

const walk = {
  oldest: prepared(walkStatement('oldest'), { planEachTime: true }),
  newest: prepared(walkStatement('newest'), { planEachTime: true }),
}
const readEach = {
  oldest: prepared(eachStatement('oldest'), { planEachTime: true }),
  newest: prepared(eachStatement('newest'), { planEachTime: true }),
}

/** A page of the events after one number and up to another. */
export async function readLabelled(
  db: Database,
  wanted: Readonly<Record<string, string>>,
  values: Omit<LabelledValues, 'labels'>,
  end: End,
) {
  const { among } = values
  const labels = JSON.stringify(wanted)
  const sent = { ...values, labels }
  const isShort = values.visible - values.after <= LOOKED_AT
  if (!isShort && (await findSome(db, { among, labels, limit: FEW + 1 })).length <= FEW)
    return readEach[end](db, sent)
  // Events of a type have an index of their own; to find them among the events of each workspace takes longer.
  const lookedAt = isShort || values.types !== null ? null : LOOKED_AT
  const found = await walk[end](db, { ...sent, lookedAt })
  return lookedAt === null || found.length === values.limit ? found : readEach[end](db, sent)
}
