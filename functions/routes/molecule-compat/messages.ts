// MOLECULE_COMPAT: an event of the log as a message of Molecule's live channel, with the members that its canvas reads
// (docs/facts/molecule.md §8.3).
import type { Services } from '../../../lib/control-plane/services.ts'
import { isEventType, moleculeNameOf } from '../../../lib/events/event-types.ts'
import type { StoredEvent } from '../../../lib/events/read-events.ts'
import { findMessage } from '../../../lib/messages/queries.ts'
import type { LiveChange } from '../../../lib/molecule/live-changes.ts'
import { findCard } from '../../../lib/molecule/names.ts'
import { isObject } from '../../../lib/platform/json-object.ts'
import { toMessageView } from '../messages/view.ts'
import { statusView } from './routes.ts'

export type MoleculeMessage = {
  event: string
  workspace_id: string
  timestamp: string
  payload: Record<string, unknown>
  /** The number of the event; null for what is not in the log of events. */
  seq: number | null
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
    case 'A2A_RESPONSE':
      return responseMembers(services, workspaceId, payload)
    case 'AGENT_CARD_UPDATED':
      return { agent_card: await findCard(services, workspaceId) }
    default:
      return {}
  }
}

/** The answer to a message of a person, which the canvas shows in its chat. That to another agent is not for people. */
async function responseMembers(
  services: Services,
  workspaceId: string,
  payload: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  if (String(payload['sender']).startsWith('workspace:')) return {}
  const message = await findMessage(services.db, workspaceId, String(payload['message']))
  if (message === undefined || message.finishedAt === null) return {}
  const { response } = toMessageView(message, '')
  const durationMs = message.finishedAt.getTime() - message.createdAt.getTime()
  return { method: message.method, response_body: response, duration_ms: durationMs }
}

/** What the log of events does not have, as a message of the live channel. */
export function toLiveMessage(change: LiveChange): MoleculeMessage {
  const { at, workspaceId } = change
  switch (change.kind) {
    case 'tasks': {
      const payload = { active_tasks: change.activeTasks, current_task: change.currentTask }
      return messageOf('TASK_UPDATED', workspaceId, at, payload)
    }
    case 'told': {
      const payload = { workspace_id: workspaceId, name: change.name, ...toldMembers(change.body) }
      return messageOf('AGENT_MESSAGE', workspaceId, at, payload)
    }
    case 'activity':
      return messageOf('ACTIVITY_LOGGED', workspaceId, at, shownMembers(change.activity))
  }
}

function shownMembers(activity: Record<string, unknown>): Record<string, unknown> {
  const { activity_type, duration_ms, method, source_id, status, summary, target_id, tool_trace } = activity
  const shown = { activity_type, method, summary, status, source_id, target_id, duration_ms }
  return tool_trace == null ? shown : { ...shown, tool_trace }
}

const messageOf = (event: string, workspaceId: string, at: Date, payload: Record<string, unknown>) => ({
  event,
  workspace_id: workspaceId,
  timestamp: at.toISOString(),
  payload,
  seq: null,
})

/** The text and the files of a message to people, as `notify` stores them (lib/activity/notify.ts). */
function toldMembers(body: unknown): Record<string, unknown> {
  const { parts, result } = isObject(body) ? body : {}
  const files = Array.isArray(parts) ? parts.flatMap((part) => (isObject(part) ? [part['file']] : [])) : []
  return { message: result ?? '', ...(files.length === 0 ? {} : { attachments: files }) }
}
