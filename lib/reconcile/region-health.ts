// The capacity of each region, as launches found it. A region without capacity is skipped for a while; then one
// launch tries it again, and its result counts for all.
import { and, asc, eq, lte, type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { regionHealth } from '../../drizzle/schema/index.ts'
import type { ProvisionProblem } from '../provisioner/provisioner.ts'
import { problemReason } from './machine-reasons.ts'

export type RegionHealth = typeof regionHealth.$inferSelect

const FIRST_PAUSE_SECONDS = 15
const LONGEST_PAUSE_SECONDS = 900
/** How long only one launch tries a region again. */
const TRIAL_SECONDS = 60

export type RegionChoice = { region: string } | { openUntil: Date }

/** @param regions as JSON */
export const healthStatement = (db: Database, regions: Placeholder) =>
  db
    .select()
    .from(regionHealth)
    .where(sql`${regionHealth.region} in (select jsonb_array_elements_text(${regions}::jsonb))`)

const readStatement = prepared((db, valueOf: ValueOf<{ regions: string }>) =>
  healthStatement(db, valueOf('regions')),
)

export const readHealth = (db: Database, regions: string[]): Promise<RegionHealth[]> =>
  readStatement(db, { regions: JSON.stringify(regions) })

/**
 * The first of the wanted regions that is not skipped at present, or when the first of them may be tried again.
 * @param known the health of each that has a record
 */
export async function chooseRegion(
  db: Database,
  wanted: string[],
  known: RegionHealth[],
  now: Date,
): Promise<RegionChoice> {
  const healthOf = (region: string) => known.find((health) => health.region === region)
  for (const region of wanted) {
    const openUntil = healthOf(region)?.openUntil ?? null
    if (openUntil === null) return { region }
    if (openUntil <= now && (await claimTrial(db, region, now))) return { region }
  }
  const reopenings = known.flatMap(({ openUntil }) =>
    openUntil !== null && openUntil > now ? [openUntil.getTime()] : [],
  )
  return { openUntil: new Date(Math.min(...reopenings, now.getTime() + TRIAL_SECONDS * 1000)) }
}

// Compare and set: of many that see the end of the pause, one succeeds.
async function claimTrial(db: Database, region: string, now: Date): Promise<boolean> {
  const claimed = await db
    .update(regionHealth)
    .set({ openUntil: new Date(now.getTime() + TRIAL_SECONDS * 1000) })
    .where(and(eq(regionHealth.region, region), lte(regionHealth.openUntil, now)))
    .returning({ region: regionHealth.region })
  return claimed.length > 0
}

/** The part of a statement that records that a launch succeeded in a region: it is tried again without a pause. @param region null: none */
export const recordCapacity = (region: Placeholder, now: SQL): SQL =>
  sql`insert into ${regionHealth} (region, failures, last_success_at) select region, 0, ${now}
    from (select ${region}::text as region) launched where region is not null
    on conflict (region) do update set failures = 0, open_until = null, last_success_at = excluded.last_success_at returning region`

/** A launch found no capacity: the region is skipped, for twice as long after each further failure. */
export async function recordNoCapacity(
  db: Database,
  region: string,
  problem: ProvisionProblem,
  now: Date,
): Promise<void> {
  const at = sql`${now.toISOString()}::timestamptz`
  const failure = { lastFailure: problemReason(problem), lastFailureAt: now }
  const seconds = sql`least(${LONGEST_PAUSE_SECONDS}::float8, ${FIRST_PAUSE_SECONDS} * power(2, ${regionHealth.failures}))`
  await db
    .insert(regionHealth)
    .values({
      region,
      failures: 1,
      openUntil: new Date(now.getTime() + FIRST_PAUSE_SECONDS * 1000),
      ...failure,
    })
    .onConflictDoUpdate({
      target: regionHealth.region,
      set: {
        failures: sql`${regionHealth.failures} + 1`,
        openUntil: sql`${at} + make_interval(secs => ${seconds})`,
        ...failure,
      },
    })
}

/** All regions with a record, by name.  */
export const listRegionHealth = (db: Database): Promise<RegionHealth[]> =>
  db.select().from(regionHealth).orderBy(asc(regionHealth.region))
