// The newest events first, as Molecule's event list has them (docs/facts/molecule.md §2.8): those that Molecule has a name for.
import type { Store } from '../platform/context.ts'
import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import { events } from '../../drizzle/schema/index.ts'
import { EVENT_TYPE_NAMES, moleculeNameOf } from './event-types.ts'
import type { EventsQuery, StoredEvent } from './read-events.ts'

/** The number that Molecule lists. */
const MOST = 100

const NAMED = EVENT_TYPE_NAMES.filter((type) => moleculeNameOf(type) !== undefined)

export const newestEvents = (
  { db }: Store,
  { among, workspaceId }: Pick<EventsQuery, 'among' | 'workspaceId'>,
): Promise<StoredEvent[]> =>
  db
    .select()
    .from(events)
    .where(
      and(
        inArray(events.type, NAMED),
        workspaceId === undefined ? undefined : eq(events.workspaceId, workspaceId),
        among === undefined ? undefined : sql`${events.workspaceId} = any(${`{${among.join(',')}}`}::uuid[])`,
      ),
    )
    .orderBy(desc(events.seq))
    .limit(MOST)
