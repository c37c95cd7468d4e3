// Every type of event in the log, with its description, the shape of its payload and, where Molecule has one,
// Molecule's name for it (docs/facts/molecule.md §2.8). The one list: what writes events is typed by it, and the API description
// is made from it.
import { z } from 'zod'
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
  workspace_created: {
    says: 'A workspace was created; its machine follows. A null `image` is that of the runtime.',
    molecule: 'WORKSPACE_PROVISIONING',
    payload: ofWorkspace(shape),
  },
  workspace_updated: {
    says: 'Its name, shape or settings were changed: `fields` names what was sent, and the values of some are shown.',
    payload: ofWorkspace({ fields: z.array(z.string()), ...z.object(shape).partial().shape }),
  },
  restart_requested: {
    says: 'A restart was requested; `image` is present where another one was requested.',
    molecule: 'WORKSPACE_PROVISIONING',
    payload: ofWorkspace({ image: z.string().nullable().optional() }),
  },
  pause_requested: {
    says: 'A pause was requested; the machine stops.',
    molecule: 'WORKSPACE_PAUSED',
    payload: asked,
  },
  resume_requested: {
    says: 'A resume was requested; the machine starts.',
    molecule: 'WORKSPACE_PROVISIONING',
    payload: asked,
  },
  hibernate_requested: {
    says: 'Hibernation was requested or, with the cause `idle`, follows from the idle policy.',
    molecule: 'WORKSPACE_HIBERNATED',
    payload: ofWorkspace({ cause: z.literal('idle').optional() }),
  },
  wake_requested: {
    says: 'A caller or a message woke the workspace or, with the cause `time`, its `wake_at` came.',
    molecule: 'WORKSPACE_PROVISIONING',
    payload: ofWorkspace({ cause: z.literal('time').optional() }),
  },
  removed: {
    says: 'The workspace was removed; its machine is destroyed.',
    molecule: 'WORKSPACE_REMOVED',
    payload: asked,
  },
  agent_answered: {
    says: 'The agent answers: the workspace is ready.',
    molecule: 'WORKSPACE_ONLINE',
    payload: ofWorkspace({ machine_id: machineId }),
  },
  http_not_offered: {
    says: "The agent's card offers nothing that HTTP reaches: the workspace is degraded.",
    molecule: 'WORKSPACE_DEGRADED',
    payload: lost,
  },
  http_offered: {
    says: "The agent's card offers JSON-RPC or HTTP+JSON now.",
    molecule: 'WORKSPACE_ONLINE',
    payload: ofWorkspace({ machine_id: machineId }),
  },
  agent_lost: { says: 'The agent did not come back; the machine is rebooted.', payload: lost },
  agent_silent: { says: 'The agent no longer answers.', molecule: 'WORKSPACE_OFFLINE', payload: lost },
  trouble_reported: {
    says: 'The agent reports too many errors, or that it is stuck.',
    molecule: 'WORKSPACE_DEGRADED',
    payload: ofWorkspace({ ...health, reason }),
  },
  trouble_ended: {
    says: 'The agent no longer reports trouble.',
    molecule: 'WORKSPACE_ONLINE',
    payload: ofWorkspace(health),
  },
  machine_stopped: {
    says: 'The machine stopped, or cannot be reached; the reason says why.',
    molecule: 'WORKSPACE_OFFLINE',
    payload: lost,
  },
  stop_accepted: {
    says: 'A request that did not come from this control plane stopped or suspended the machine: the workspace sleeps. `stop` says how, with the source of the request where the provider shows it.',
    molecule: 'WORKSPACE_HIBERNATED',
    payload: stopped,
  },
  machine_drifted: {
    says: 'The provider runs something else than was requested: `drift` lists the differences, and is empty when they ended.',
    payload: ofWorkspace({
      machine_id: machineId,
      drift: z.array(z.strictObject({ field: z.string(), wanted: z.string(), actual: z.string() })),
    }),
  },
  drift_undone: {
    says: 'The machine gets the requested configuration again, because others changed it; the reason names what.',
    payload: lost,
  },
  machine_lost: {
    says: 'The machine is gone; another one is created.',
    molecule: 'WORKSPACE_OFFLINE',
    payload: lost,
  },
  host_full: {
    says: 'The host of the machine had no room for it for a while: it is created again on another host, with a copy of its disk. The reason says what is lost.',
    payload: lost,
  },
  gave_up: {
    says: 'The workspace failed; the reason is kept. Its machine, if it has one, is kept until `machine_kept_until`, stopped.',
    molecule: 'WORKSPACE_PROVISION_FAILED',
    payload: failed,
  },
  machine_created: { says: 'A machine was created.', payload: machine },
  machine_updated: { says: 'The machine got a new configuration.', payload: machine },
  machine_adopted: {
    says: 'A machine was found that an earlier request without an answer had created.',
    payload: machine,
  },
  machine_restarted: { says: 'The machine was restarted.', payload: ofWorkspace({ machine_id: machineId }) },
  machine_gone: {
    says: 'The machine is confirmed to be gone.',
    payload: ofWorkspace({ machine_id: machineId }),
  },
  ...DISK_EVENTS,
  agent_registered: { says: 'The agent registered.', payload: asked },
  agent_card_updated: {
    says: 'The agent has another card.',
    molecule: 'AGENT_CARD_UPDATED',
    payload: asked,
  },
  secret_saved: {
    says: 'A secret was saved. The event contains its name, never its value.',
    payload: secret,
  },
  secret_deleted: { says: 'A secret was deleted.', payload: secret },
  workspace_token_created: {
    says: 'A token of the workspace was issued by the API. Tokens that are delivered with a machine have no event.',
    payload: z.strictObject({ token_id: z.uuid(), by }),
  },
  workspace_token_revoked: {
    says: 'A token of the workspace was revoked.',
    payload: z.strictObject({ token_id: z.uuid(), by }),
  },
  message_accepted: { says: 'A message was stored, to be delivered.', payload: z.strictObject(ofMessage) },
  message_answered: {
    says: 'A stored message was answered; `response_status` is the HTTP status.',
    molecule: 'A2A_RESPONSE',
    payload: z.strictObject({ ...ofMessage, response_status: z.int().nullable() }),
  },
  message_failed: {
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
  },
  hook_delivery_refused: {
    says: 'An inbound webhook refused a delivery; at most one event a minute for a hook and a reason. `bytes` is the length of the body, where it is known. Without a workspace it was a report of a published image.',
    payload: z.strictObject({
      hook: z.string(),
      scheme: z.string(),
      reason: z.string(),
      message: z.string(),
      bytes: z.int().nullable(),
    }),
  },
  hold_created: {
    says: 'A caller or the agent holds the workspace awake until a time.',
    payload: z.strictObject({ hold_id: z.uuid(), until: z.iso.datetime(), reason: z.string(), by }),
  },
  hold_deleted: {
    says: 'A hold was deleted before its time was over.',
    payload: z.strictObject({ hold_id: z.uuid(), by }),
  },
  schedule_missed: {
    says: 'The time of a schedule came, and its message could not be stored; the reason says why.',
    payload: z.strictObject({
      schedule: z.string(),
      due_at: z.iso.datetime(),
      reason: z.string(),
      message: z.string(),
    }),
  },
  orphan_destroyed: {
    says: 'A machine of this control plane without a workspace was destroyed.',
    payload: z.strictObject({ app: z.string(), machine_id: z.string(), region: z.string().nullable() }),
  },
  image_published: {
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
  },
  rollout_started: {
    says: 'An image is being rolled out to the workspaces of a runtime.',
    payload: rollout,
  },
  rollout_advanced: { says: 'A tranche succeeded, and the next one begins.', payload: rollout },
  rollout_halted: {
    says: 'A rollout was halted or is being rolled back; the reason says why.',
    payload: rollout,
  },
  rollout_resumed: { says: 'A halted rollout was resumed.', payload: rollout },
  rollout_rolled_back: {
    says: 'All workspaces with the image of a rollout were returned to the earlier one.',
    payload: rollout,
  },
  rollout_completed: { says: 'The image of a rollout is the image of its runtime.', payload: rollout },
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
  const hint = meant === undefined ? 'docs/events.md lists them' : `did you mean '${meant}'?`
  return `'${name.slice(0, 100)}' is not a type of event; ${hint}`
}

const kindOf = (type: EventType): EventKind => EVENT_TYPES[type]

export const ADMINS_ONLY: readonly EventType[] = EVENT_TYPE_NAMES.filter(
  (type) => kindOf(type).adminsOnly === true,
)

/** Molecule's name for a type, where it has one. */
export const moleculeNameOf = (type: EventType): string | undefined => kindOf(type).molecule
