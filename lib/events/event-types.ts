// Every type of event in the log, with what it says and, where Molecule has one, Molecule's name for it (molecule.md §2.8).
// The one list: what writes events is typed by it, and the API description is made from it.

type EventKind = { says: string; molecule?: string }

export const EVENT_TYPES = {
  workspace_created: {
    says: 'A workspace was asked for; its machine is on the way.',
    molecule: 'WORKSPACE_PROVISIONING',
  },
  workspace_updated: { says: 'Its name, shape or settings were changed.' },
  restart_requested: { says: 'Somebody asked for a restart.', molecule: 'WORKSPACE_PROVISIONING' },
  pause_requested: { says: 'Somebody asked for a pause; the machine stops.', molecule: 'WORKSPACE_PAUSED' },
  resume_requested: {
    says: 'Somebody ended a pause; the machine starts.',
    molecule: 'WORKSPACE_PROVISIONING',
  },
  hibernate_requested: {
    says: 'It was put to sleep, by somebody or for want of work.',
    molecule: 'WORKSPACE_HIBERNATED',
  },
  wake_requested: { says: 'Somebody, or a message, woke it.', molecule: 'WORKSPACE_PROVISIONING' },
  removed: { says: 'Somebody removed it; the machine is destroyed.', molecule: 'WORKSPACE_REMOVED' },
  agent_answered: { says: 'The agent answers: the workspace is ready.', molecule: 'WORKSPACE_ONLINE' },
  agent_lost: { says: 'The agent stayed silent; the machine is restarted.' },
  agent_silent: { says: 'The agent no longer answers.', molecule: 'WORKSPACE_OFFLINE' },
  trouble_reported: { says: 'The agent reports too many errors.', molecule: 'WORKSPACE_DEGRADED' },
  trouble_ended: { says: 'The agent reports that it is well again.', molecule: 'WORKSPACE_ONLINE' },
  machine_stopped: { says: 'The machine stopped by itself.', molecule: 'WORKSPACE_OFFLINE' },
  machine_lost: { says: 'The machine is gone; another one is made.', molecule: 'WORKSPACE_OFFLINE' },
  gave_up: {
    says: 'It could not be made to run; the reason is kept.',
    molecule: 'WORKSPACE_PROVISION_FAILED',
  },
  machine_created: { says: 'A machine was made at the provider.' },
  machine_updated: { says: 'The machine was given another configuration in place.' },
  machine_adopted: { says: 'A machine was found that an earlier, unanswered request had made.' },
  machine_restarted: { says: 'The machine was restarted.' },
  machine_gone: { says: 'The machine is known to be gone, and costs nothing.' },
  agent_registered: { says: 'The agent called home.' },
  agent_card_updated: { says: 'The agent shows another card.', molecule: 'AGENT_CARD_UPDATED' },
  secret_saved: { says: 'A secret was saved; its name is told, never its value.' },
  secret_deleted: { says: 'A secret was deleted.' },
  orphan_destroyed: { says: 'A machine with our mark and no workspace was destroyed.' },
  image_published: { says: 'A forge told of a new image of a runtime.' },
  rollout_started: { says: 'An image is being rolled out to the workspaces of a runtime.' },
  rollout_advanced: { says: 'A tranche has proven itself, and the next one begins.' },
  rollout_halted: { says: 'A rollout does not go on; the reason says why.' },
  rollout_resumed: { says: 'Somebody had a halted rollout go on.' },
  rollout_rolled_back: { says: 'All that had the image of a rollout were given the one before.' },
  rollout_completed: { says: 'The image of a rollout is the image of its runtime.' },
  audit: { says: 'Somebody asked for a change, or was refused one.' },
} as const satisfies Record<string, EventKind>

export type EventType = keyof typeof EVENT_TYPES

export const EVENT_TYPE_NAMES = Object.keys(EVENT_TYPES) as [EventType, ...EventType[]]

export const isEventType = (name: string): name is EventType => Object.hasOwn(EVENT_TYPES, name)

/** Molecule's name for a type, where it has one. */
export const moleculeNameOf = (type: EventType): string | undefined => {
  const kind: EventKind = EVENT_TYPES[type]
  return kind.molecule
}
