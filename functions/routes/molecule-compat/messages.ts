// MOLECULE_COMPAT: an event of the log as a message of Molecule's live channel, with the members that its canvas reads
// (docs/facts/molecule.md §8.3).
import type { Services } from '../../../lib/control-plane/services.ts'
import { isEventType, moleculeNameOf } from '../../../lib/events/event-types.ts'
import type { StoredEvent } from '../../../lib/events/read-events.ts'
import { findCard } from '../../../lib/molecule/names.ts'
import { statusView } from './routes.ts'

export type MoleculeMessage = {
  event: string
  workspace_id: string
  timestamp: string
  payload: Record<string, unknown>
  /** The number of the event. */
  seq: number
}

/** @returns undefined for an event that Molecule has no name for, or that is about no workspace */
export async function toMoleculeMessage(
  services: Services,
  { at, payload, seq, type, workspaceId }: StoredEvent,
): Promise<MoleculeMessage | undefined> {
  const event = isEventType(type) ? moleculeNameOf(type) : undefined
  if (event === undefined || workspaceId === null) return undefined
  const status = payload['status'] === 'ready' ? { status: statusView(services.config, 'ready') } : {}
  const more = await moreOf(services, event, workspaceId, payload)
  return {
    event,
    workspace_id: workspaceId,
    timestamp: at.toISOString(),
    payload: { ...payload, ...status, ...more },
    seq,
  }
}

async function moreOf(
  services: Services,
  event: string,
  workspaceId: string,
  payload: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const reason = payload['reason'] as { message?: string } | undefined
  switch (event) {
    case 'WORKSPACE_PROVISION_FAILED':
      return { error: reason?.message ?? '' }
    case 'WORKSPACE_DEGRADED':
      return { sample_error: reason?.message ?? '' }
    case 'AGENT_CARD_UPDATED':
      return { agent_card: await findCard(services, workspaceId) }
    default:
      return {}
  }
}
