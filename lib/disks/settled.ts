// When a create of a disk whose answer was lost can no longer be carried out, so that another one may be sent. The clocks of
// replicas differ, so the time that has passed by one of them is not enough: it also takes several looks, which are counted in the
// disk's row and between which each replica waits.
import { sql } from 'drizzle-orm'
import { disks } from '../../drizzle/schema/index.ts'
import type { Disk } from '../lifecycle/workspace.ts'

/** A create may be carried out this long after it was sent, in milliseconds (docs/facts/fly.md §2.2: 17 s was seen). */
const SETTLES_MS = 60_000

/** Pause between two looks, in milliseconds. */
export const LOOK_AGAIN_MS = 5_000

/** Looks in vain, {@link LOOK_AGAIN_MS} apart. A single replica with a right clock takes more within {@link SETTLES_MS}. */
const LOOKS = 6

/** The change of a row for one more look in vain. */
export const ONE_MORE_LOOK = { looks: sql`${disks.looks} + 1` }

/** Whether a disk with these columns, which the provider does not show, is certainly not going to appear. */
export const isCreateOver = (
  { looks, requestedAt }: Pick<Disk, 'looks' | 'requestedAt'>,
  now: Date,
): boolean => looks >= LOOKS && now.getTime() - (requestedAt?.getTime() ?? 0) >= SETTLES_MS
