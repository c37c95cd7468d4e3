// The writer of the ledger: one conditional UPDATE of a disk, with its event in the same statement. The event belongs to
// the workspace that the disk was made for, also after that is gone.
import { and, eq, type SQL, sql } from 'drizzle-orm'
import { disks } from '../../drizzle/schema/index.ts'
import { appendEvent } from '../events/append-event.ts'
import type { EventFacts, EventType } from '../events/event-types.ts'
import type { ChangeContext } from '../lifecycle/transition.ts'
import type { Disk } from '../lifecycle/workspace.ts'

/** The types of events about a disk. */
export type DiskEvent = Extract<EventType, `disk_${string}` | 'snapshot_taken'>

/** What every event about a disk shows of it. */
type OfDisk = 'disk_id' | 'volume_id' | 'region' | 'size_gb'

/** An event with the members of its payload that are not columns of the disk. */
export type DiskFacts<Event extends DiskEvent = DiskEvent> = Event extends DiskEvent
  ? { event: Event; payload: Omit<EventFacts<Event>, OfDisk> }
  : never

export type DiskChanges = { [Column in keyof Disk]?: Disk[Column] | SQL }

/** The CTE that appends one event for each row of another CTE that returns disks. */
export function appendDiskEvents(
  { by, db }: Pick<ChangeContext, 'by' | 'db'>,
  source: string,
  now: Date,
  { event, payload }: DiskFacts,
) {
  const facts = JSON.stringify({ ...payload, ...(by === undefined ? {} : { by }) })
  return appendEvent(db, source, {
    event,
    now,
    workspaceId: sql`made_for`,
    generation: sql`(select w.generation from workspaces w where w.id = made_for)`,
    payload: sql`jsonb_build_object('disk_id', id, 'volume_id', volume_id, 'region', region, 'size_gb', size_gb) || ${facts}::jsonb`,
  })
}

/** @returns the disk after the change; undefined when the condition does not hold any more */
export async function changeDisk(
  services: ChangeContext,
  input: { id: string; now: Date; where?: SQL | undefined; changes: DiskChanges; logs?: DiskFacts },
): Promise<Disk | undefined> {
  const { db } = services
  const changed = db.$with('changed').as(
    db
      .update(disks)
      .set(input.changes)
      .where(and(eq(disks.id, input.id), input.where))
      .returning(),
  )
  const withs =
    input.logs === undefined
      ? [changed]
      : [changed, appendDiskEvents(services, 'changed', input.now, input.logs)]
  const [disk] = await db
    .with(...withs)
    .select()
    .from(changed)
  if (disk !== undefined) services.invalidate(disk.madeFor)
  return disk
}
