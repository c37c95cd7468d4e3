// An event as the API shows it: in lists, streams and webhook deliveries.
import type { StoredEvent } from './read-events.ts'

export type EventView = {
  seq: number
  type: string
  /** Null for an event without a workspace. */
  workspace_id: string | null
  /** The workspace's generation after the event. */
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
