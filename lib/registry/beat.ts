// Heartbeats as they are stored, and what the statement for one and the statement for several have in common.
import { and, eq, gt, ne, or, type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { AgentIdentity } from '../auth/authenticate-agent.ts'
import type { WorkspaceRow } from '../lifecycle/workspace.ts'

/** A heartbeat as it is stored. A null changes nothing. */
export type Beat = {
  /** Of the workspace that the agent names. */
  id: string
  /** Of its token. */
  hash: string
  errorRate: number | null
  sampleError: string | null
  activeTasks: number | null
  currentTask: string | null
  uptimeSeconds: number | null
}

/** What a heartbeat reads of its workspace. */
export type BeatRow = Pick<WorkspaceRow, 'id' | 'status' | 'generation' | 'reason' | 'errorRate'>

/** `row`: undefined when the agent belongs to an earlier generation. */
export type StoredBeat = { identity: AgentIdentity; row: BeatRow | undefined }

/** @returns undefined when the token is not valid, or of another workspace */
export type StoreBeat = (beat: Beat) => Promise<StoredBeat | undefined>

/** The columns that a heartbeat sets. @param cell the place of a member, in its type */
export function beatColumns(cell: (name: keyof Beat) => SQL, now: SQL) {
  const activeTasks = cell('activeTasks')
  return {
    lastHeartbeatAt: now,
    // A workspace with active tasks is not idle, and its idle time begins when they end.
    lastActiveAt: sql`case when ${activeTasks} > 0 or (${activeTasks} = 0 and ${workspaces.activeTasks} > 0) then ${now} else ${workspaces.lastActiveAt} end`,
    errorRate: sql`coalesce(${cell('errorRate')}, ${workspaces.errorRate})`,
    sampleError: sql`coalesce(${cell('sampleError')}, ${workspaces.sampleError})`,
    activeTasks: sql`coalesce(${activeTasks}, ${workspaces.activeTasks})`,
    currentTask: sql`coalesce(${cell('currentTask')}, ${workspaces.currentTask})`,
    // Partial heartbeats report 0 (docs/facts/molecule.md §1.5): the uptime never falls within one generation.
    uptimeSeconds: sql`greatest(${workspaces.uptimeSeconds}, ${cell('uptimeSeconds')})`,
    nextCheckAt: sql`case when ${workspaces.status} in ('provisioning', 'offline') then ${now} else ${workspaces.nextCheckAt} end`,
  }
}

/** Whether a workspace takes heartbeats with a token of a generation; null is a token of no generation. */
export const takesBeats = (generation: SQL, now: SQL) =>
  and(
    or(
      sql`${workspaces.generation} = coalesce(${generation}, ${workspaces.generation})`,
      // A restart waits for the work of the program before it, which says when that has ended.
      and(
        eq(workspaces.status, 'provisioning'),
        gt(workspaces.drainUntil, now),
        sql`${workspaces.machineGeneration} = ${generation}`,
      ),
    ),
    ne(workspaces.status, 'removed'),
  )

export const BEAT_ROW = {
  id: workspaces.id,
  status: workspaces.status,
  generation: workspaces.generation,
  reason: workspaces.reason,
  errorRate: workspaces.errorRate,
}

/** The types of the members of a {@link Beat}. */
export const BEAT_TYPES: Readonly<Record<keyof Beat, string>> = {
  id: 'uuid',
  hash: 'text',
  errorRate: 'real',
  sampleError: 'text',
  activeTasks: 'integer',
  currentTask: 'text',
  uptimeSeconds: 'bigint',
}
