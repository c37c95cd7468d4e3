// An event as callers see it, in lists, in streams and wherever else it is told.
import type { StoredEvent } from './read-events.ts'

export type EventView = {
  seq: number
  type: string
  /** The workspace that it is about; null where it is about none. */
  workspace_id: string | null
  /** Of the workspace, after the event. */
  generation: number | null
  at: string
  payload: Record<string, unknown>
}

export const toEventView = ({ at, generation, payload, seq, type, workspaceId }: StoredEvent): EventView => ({
  seq,
  type,
  workspace_id: workspaceId,
  generation,
  at: at.toISOString(),
  payload,
})
