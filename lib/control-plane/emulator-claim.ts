// One emulated Fly for one database. A server with an embedded emulator claims the database for it and renews the claim, because
// two emulators would each take the machines of the other for lost. Times are compared for equality only, so clocks may differ.
import { eq, isNull, or } from 'drizzle-orm'
import { controlPlane } from '../../drizzle/schema/index.ts'
import type { Core } from '../platform/context.ts'

/** @param url where the emulated Machines API listens */
export type EmulatorIdentity = { id: string; url: string }

type Context = Pick<Core, 'db' | 'now' | 'log' | 'sleep' | 'steady'>

/** The time between two renewals, in milliseconds. */
export const RENEWAL_MS = 3_000

/** How long a claim must stay as it is before it counts as abandoned, in milliseconds: several renewals are missing then. */
const ABANDONED_MS = 15_000

/** The time between two looks at the claim of another emulator, in milliseconds. */
const LOOK_MS = 500

/** The database belongs to another emulator that runs. */
export class EmulatorInUse extends Error {
  override name = 'EmulatorInUse'
  constructor(url: string | null | undefined) {
    super(
      `The database is in use with the emulated Fly of another server, at ${url ?? 'an unknown address'}, and two emulators would take each other's machines for lost: ` +
        'stop that server, set DATABASE_URL to another database, or share its emulator (docs/deploy.md, "Several servers with one emulator")',
    )
  }
}

/**
 * Claims the database for an emulator. The claim of another one is taken over when its server has ended, or when it has
 * not been renewed for 15 s.
 * @throws EmulatorInUse; the driver's error when the database does not answer
 */
export async function claimEmulator(context: Context, identity: EmulatorIdentity): Promise<void> {
  const { db, log, sleep, steady } = context
  const began = steady()
  let watched: Date | undefined
  while (!(await take(context, identity, undefined))) {
    const [claim] = await db
      .select({ url: controlPlane.emulatorUrl, seenAt: controlPlane.emulatorSeenAt })
      .from(controlPlane)
    const seenAt = claim?.seenAt ?? undefined
    if (seenAt === undefined) continue
    if (watched === undefined) {
      log('warn', 'the database is in use with another emulator: waiting to see whether it still runs', claim)
    } else if (seenAt.getTime() !== watched.getTime()) {
      throw new EmulatorInUse(claim?.url)
    } else if (steady() - began >= ABANDONED_MS && (await take(context, identity, seenAt))) return
    watched = seenAt
    await sleep(LOOK_MS)
  }
}

/**
 * Takes a database without a claim, or with one that ended, or with one of this emulator.
 * @param abandoned also takes the claim that was renewed at that time for the last time
 */
async function take(
  { db, now }: Context,
  { id, url }: EmulatorIdentity,
  abandoned: Date | undefined,
): Promise<boolean> {
  const taken = await db
    .update(controlPlane)
    .set({ emulatorId: id, emulatorUrl: url, emulatorSeenAt: now() })
    .where(
      or(
        isNull(controlPlane.emulatorSeenAt),
        eq(controlPlane.emulatorId, id),
        ...(abandoned === undefined ? [] : [eq(controlPlane.emulatorSeenAt, abandoned)]),
      ),
    )
    .returning({ id: controlPlane.id })
  return taken.length > 0
}

/**
 * Renews the claim.
 * @throws EmulatorInUse when another emulator has taken the database over
 */
export async function renewEmulatorClaim(
  { db, now }: Pick<Core, 'db' | 'now'>,
  { id }: EmulatorIdentity,
): Promise<void> {
  const renewed = await db
    .update(controlPlane)
    .set({ emulatorSeenAt: now() })
    .where(eq(controlPlane.emulatorId, id))
    .returning({ id: controlPlane.id })
  if (renewed.length > 0) return
  const [current] = await db.select({ url: controlPlane.emulatorUrl }).from(controlPlane)
  throw new EmulatorInUse(current?.url)
}

/** Ends the claim, so that another emulator may claim the database at once. */
export async function endEmulatorClaim({ db }: Pick<Core, 'db'>, { id }: EmulatorIdentity): Promise<void> {
  await db.update(controlPlane).set({ emulatorSeenAt: null }).where(eq(controlPlane.emulatorId, id))
}
