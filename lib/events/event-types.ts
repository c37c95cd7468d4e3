// Every type of event in the log, with its description, the shape of its payload and, where Molecule has one,
// Molecule's name for it (docs/facts/molecule.md §2.8). The one list: what writes events is typed by it, and the API description
// is made from it.
import { z } from 'zod'
import { described } from '../platform/described.ts'
import { nearestWord } from '../platform/nearest.ts'
import { ADMIN_EVENTS } from './admin-events.ts'
import { DISK_EVENTS } from './disk-events.ts'
import {
  by,
  type EventKind,
  ofWorkspace,
  machineId,
  reason,
  ofMessage,
  asked,
  lost,
  failed,
  stopped,
  machine,
  secret,
  health,
  rollout,
  shape,
} from './event-payloads.ts'

export const EVENT_TYPES = {
  workspace_created: described(() => ({
    says: 'A workspace was created; its machine follows. A null `image` is that of the runtime.',
    payload: ofWorkspace(shape),
  })),
  workspace_updated: described(() => ({
    says: 'Its name, shape or settings were changed: `fields` names what was sent, and the values of some are shown.',
    payload: ofWorkspace({
      ...z.object(shape).partial().shape,
      fields: z.array(z.string()),
      /** As sent: null removes a label, or all. */
      labels: z.record(z.string(), z.string().nullable()).nullish(),
    }),
  })),
  restart_requested: described(() => ({
    says: 'A restart was requested; `image` is present where another one was requested.',
    payload: ofWorkspace({ image: z.string().nullable().optional() }),
  })),
  pause_requested: described(() => ({ says: 'A pause was requested; the machine stops.', payload: asked })),
  resume_requested: described(() => ({
    says: 'A resume was requested; the machine starts.',
    payload: asked,
  })),
  hibernate_requested: described(() => ({
    says: 'Hibernation was requested or, with the cause `idle`, follows from the idle policy.',
    payload: ofWorkspace({ cause: z.literal('idle').optional() }),
  })),
  wake_requested: described(() => ({
    says: 'A caller or a message woke the workspace or, with the cause `time`, its `wake_at` came.',
    payload: ofWorkspace({ cause: z.literal('time').optional() }),
  })),
  removed: described(() => ({
    says: 'The workspace was removed; its machine is destroyed.',
    payload: asked,
  })),
  agent_answered: described(() => ({
    says: 'The agent answers: the workspace is ready.',
    payload: ofWorkspace({ machine_id: machineId }),
  })),
  http_not_offered: described(() => ({
    says: "The agent's card offers nothing that HTTP reaches: the workspace is degraded.",
    payload: lost,
  })),
  http_offered: described(() => ({
    says: "The agent's card offers JSON-RPC or HTTP+JSON now.",
    payload: ofWorkspace({ machine_id: machineId }),
  })),
  agent_lost: described(() => ({
    says: 'The agent did not come back; the machine is rebooted.',
    payload: lost,
  })),
  agent_silent: described(() => ({ says: 'The agent no longer answers.', payload: lost })),
  trouble_reported: described(() => ({
    says: 'The agent reports too many errors, or that it is stuck.',
    payload: ofWorkspace({ ...health, reason }),
  })),
  trouble_ended: described(() => ({
    says: 'The agent no longer reports trouble.',
    payload: ofWorkspace(health),
  })),
  machine_stopped: described(() => ({
    says: 'The machine stopped, or cannot be reached; the reason says why.',
    payload: lost,
  })),
  stop_accepted: described(() => ({
    says: 'A request that did not come from this control plane stopped or suspended the machine: the workspace sleeps. `stop` says how, with the source of the request where the provider shows it.',
    payload: stopped,
  })),
  machine_drifted: described(() => ({
    says: 'The provider runs something else than was requested: `drift` lists the differences, and is empty when they ended.',
    payload: ofWorkspace({
      machine_id: machineId,
      drift: z.array(z.strictObject({ field: z.string(), wanted: z.string(), actual: z.string() })),
    }),
  })),
  drift_undone: described(() => ({
    says: 'The machine gets the requested configuration again, because others changed it; the reason names what.',
    payload: lost,
  })),
  machine_lost: described(() => ({ says: 'The machine is gone; another one is created.', payload: lost })),
  host_full: described(() => ({
    says: 'The host of the machine had no room for it for a while: it is created again on another host, with a copy of its disk. The reason says what is lost.',
    payload: lost,
  })),
  gave_up: described(() => ({
    says: 'The workspace failed; the reason is kept. Its machine, if it has one, is kept until `machine_kept_until`, stopped.',
    payload: failed,
  })),
  machine_created: described(() => ({ says: 'A machine was created.', payload: machine })),
  machine_updated: described(() => ({ says: 'The machine got a new configuration.', payload: machine })),
  machine_adopted: described(() => ({
    says: 'A machine was found that an earlier request without an answer had created.',
    payload: machine,
  })),
  machine_restarted: described(() => ({
    says: 'The machine was restarted.',
    payload: ofWorkspace({ machine_id: machineId }),
  })),
  machine_gone: described(() => ({
    says: 'The machine is confirmed to be gone.',
    payload: ofWorkspace({ machine_id: machineId }),
  })),
  ...DISK_EVENTS,
  agent_registered: described(() => ({ says: 'The agent registered.', payload: asked })),
  agent_card_updated: described(() => ({ says: 'The agent has another card.', payload: asked })),
  secret_saved: described(() => ({
    says: 'A secret was saved. The event contains its name, never its value.',
    payload: secret,
  })),
  secret_deleted: described(() => ({ says: 'A secret was deleted.', payload: secret })),
  workspace_token_created: described(() => ({
    says: 'A token of the workspace was issued by the API. Tokens that are delivered with a machine have no event.',
    payload: z.strictObject({ token_id: z.uuid(), by }),
  })),
  workspace_token_revoked: described(() => ({
    says: 'A token of the workspace was revoked.',
    payload: z.strictObject({ token_id: z.uuid(), by }),
  })),
  message_accepted: described(() => ({
    says: 'A message was stored, to be delivered.',
    payload: z.strictObject(ofMessage),
  })),
  message_answered: described(() => ({
    says: 'A stored message was answered; `response_status` is the HTTP status.',
    payload: z.strictObject({ ...ofMessage, response_status: z.int().nullable() }),
  })),
  message_failed: described(() => ({
    says: 'A stored message got no answer. In the state `unknown` it may have been delivered, and is not sent again.',
    payload: z.strictObject({
      ...ofMessage,
      state: z.enum(['failed', 'unknown']),
      failure: z.strictObject({
        reason: z.string(),
        message: z.string(),
        delivered: z.enum(['yes', 'no', 'unknown']),
      }),
    }),
  })),
  hook_delivery_refused: described(() => ({
    says: 'An inbound webhook refused a delivery; at most one event a minute for a hook and a reason. `bytes` is the length of the body, where it is known. Without a workspace it was a report of a published image.',
    payload: z.strictObject({
      hook: z.string(),
      scheme: z.string(),
      reason: z.string(),
      message: z.string(),
      bytes: z.int().nullable(),
    }),
  })),
  hold_created: described(() => ({
    says: 'A caller or the agent holds the workspace awake until a time.',
    payload: z.strictObject({ hold_id: z.uuid(), until: z.iso.datetime(), reason: z.string(), by }),
  })),
  hold_deleted: described(() => ({
    says: 'A hold was deleted before its time was over.',
    payload: z.strictObject({ hold_id: z.uuid(), by }),
  })),
  schedule_missed: described(() => ({
    says: 'The time of a schedule came, and its message could not be stored; the reason says why.',
    payload: z.strictObject({
      schedule: z.string(),
      due_at: z.iso.datetime(),
      reason: z.string(),
      message: z.string(),
    }),
  })),
  orphan_destroyed: described(() => ({
    says: 'A machine of this control plane without a workspace was destroyed.',
    payload: z.strictObject({ app: z.string(), machine_id: z.string(), region: z.string().nullable() }),
  })),
  image_published: described(() => ({
    says: 'A forge reported a new image of a runtime.',
    payload: z.strictObject({
      runtime: z.string(),
      image: z.string(),
      digest: z.string().nullable(),
      tag: z.string(),
      source: z.enum(['github', 'gitea']),
      delivery_id: z.string(),
      by,
    }),
  })),
  rollout_started: described(() => ({
    says: 'An image is being rolled out to the workspaces of a runtime.',
    payload: rollout,
  })),
  rollout_advanced: described(() => ({
    says: 'A tranche succeeded, and the next one begins.',
    payload: rollout,
  })),
  rollout_halted: described(() => ({
    says: 'A rollout was halted or is being rolled back; the reason says why.',
    payload: rollout,
  })),
  rollout_resumed: described(() => ({ says: 'A halted rollout was resumed.', payload: rollout })),
  rollout_rolled_back: described(() => ({
    says: 'All workspaces with the image of a rollout were returned to the earlier one.',
    payload: rollout,
  })),
  rollout_completed: described(() => ({
    says: 'The image of a rollout is the image of its runtime.',
    payload: rollout,
  })),
  ...ADMIN_EVENTS,
} as const satisfies Record<string, EventKind>

export type EventType = keyof typeof EVENT_TYPES

export type EventPayload<Type extends EventType> = z.input<(typeof EVENT_TYPES)[Type]['payload']>

/** The payload of a workspace's event without status and caller, which are added where it is written. */
export type EventFacts<Type extends EventType> = Type extends EventType
  ? Omit<EventPayload<Type>, 'status' | 'by'>
  : never

/** The `payload` member of a writer's input: required where the payload has required members. */
export type EventPayloads<Type extends EventType> =
  Partial<EventFacts<Type>> extends EventFacts<Type>
    ? { payload?: EventFacts<Type> }
    : { payload: EventFacts<Type> }

export const EVENT_TYPE_NAMES = Object.keys(EVENT_TYPES) as [EventType, ...EventType[]]

export const isEventType = (name: string): name is EventType => Object.hasOwn(EVENT_TYPES, name)

/** Why a text is refused as a type of event. There are too many types to list them all. */
export function unknownTypeText(name: unknown): string {
  if (typeof name !== 'string') return 'must be a type of event, such as workspace_created'
  const meant = nearestWord(name, EVENT_TYPE_NAMES)
  const hint = meant === undefined ? '/openapi.json lists them' : `did you mean '${meant}'?`
  return `'${name.slice(0, 100)}' is not a type of event; ${hint}`
}

/** For callers who may read the audit, and only when they name the type. */
export const ADMINS_ONLY = Object.keys(ADMIN_EVENTS) as readonly EventType[]

const MOLECULE_NAMES: Partial<Record<EventType, string>> = {
  workspace_created: 'WORKSPACE_PROVISIONING',
  restart_requested: 'WORKSPACE_PROVISIONING',
  pause_requested: 'WORKSPACE_PAUSED',
  resume_requested: 'WORKSPACE_PROVISIONING',
  hibernate_requested: 'WORKSPACE_HIBERNATED',
  wake_requested: 'WORKSPACE_PROVISIONING',
  removed: 'WORKSPACE_REMOVED',
  agent_answered: 'WORKSPACE_ONLINE',
  http_not_offered: 'WORKSPACE_DEGRADED',
  http_offered: 'WORKSPACE_ONLINE',
  agent_silent: 'WORKSPACE_OFFLINE',
  trouble_reported: 'WORKSPACE_DEGRADED',
  trouble_ended: 'WORKSPACE_ONLINE',
  machine_stopped: 'WORKSPACE_OFFLINE',
  stop_accepted: 'WORKSPACE_HIBERNATED',
  machine_lost: 'WORKSPACE_OFFLINE',
  gave_up: 'WORKSPACE_PROVISION_FAILED',
  agent_card_updated: 'AGENT_CARD_UPDATED',
  message_answered: 'A2A_RESPONSE',
}

/** Molecule's name for a type, where it has one. */
export const moleculeNameOf = (type: EventType): string | undefined => MOLECULE_NAMES[type]
