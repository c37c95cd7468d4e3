// An event as others see it: the same members wherever it is told.
import type { StoredEvent } from './read-events.ts'

export type EventView = {
  seq: number
  type: string
  /** Null where it is about no workspace, or about all. */
  workspace_id: string | null
  /** Of the workspace, when it happened. */
  generation: number | null
  at: string
  payload: Record<string, unknown>
}

export const eventView = ({ at, generation, payload, seq, type, workspaceId }: StoredEvent): EventView => ({
  seq,
  type,
  workspace_id: workspaceId,
  generation,
  at: at.toISOString(),
  payload,
})
