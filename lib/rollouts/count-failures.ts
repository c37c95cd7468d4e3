// What counts as a failure when images are compared: a machine that stopped or was lost, an agent that fell silent or
// reports that most of its calls fail, a card that HTTP cannot use, and an agent that registers again with the same token, because its process
// ended and Fly restarted it. A host that does not answer is not among them.
import { type SQL, sql } from 'drizzle-orm'
import { events } from '../../drizzle/schema/index.ts'
import type { ReasonCode } from '../platform/reasons.ts'

const DEATHS = [
  'machine_stopped',
  'machine_lost',
  'agent_silent',
  'agent_lost',
  'http_not_offered',
  'trouble_reported',
]

/** What happens to a machine whatever its image is. */
const OF_THE_MACHINE: ReasonCode[] = ['cordoned', 'host_unreachable', 'machine_stuck']

/** Whether an event can count as one. */
export const mayBeFailure: SQL = sql`(${events.type} in ${[...DEATHS, 'agent_registered']}
  and coalesce(${events.payload} -> 'reason' ->> 'code', '') not in ${OF_THE_MACHINE})`

/** An agent that waits in vain for the answer of its registration repeats it, although its process runs on (docs/facts/molecule.md §1.4). */
const REGISTERS_AGAIN_AFTER = '15 s'

/** @param source a relation of such events: `id` of the workspace, `type`, `generation`, `at` */
export const countFailures = (source: SQL): SQL<number> => sql`(
  select count(*) filter (where type <> 'agent_registered' or at - before >= ${REGISTERS_AGAIN_AFTER}::interval)::int
  from (select type, at, lag(at) over (partition by id, generation, type order by at) as before from ${source}) as counted)`
