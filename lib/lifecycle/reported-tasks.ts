// Whether the tasks that an agent reported still count: a condition of statements that would end its work. An agent whose heartbeats
// have ended must not keep its machine running, and paid, for ever.
import { type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Config } from '../config/config.ts'

/** Of a row of `workspaces`. As long as its agent is not silent, what it reported counts in any case. */
export function reportsTasks({ liveness }: Config, now: Date): SQL {
  const since = new Date(now.getTime() - Math.max(liveness.busyMs, liveness.silenceMs))
  return sql`(${workspaces.activeTasks} > 0 and coalesce(${workspaces.lastHeartbeatAt} > ${since.toISOString()}::timestamptz, false))`
}
