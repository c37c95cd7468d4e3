// Reads Fly's machines into the provisioner's terms. Pure.
import type { Machine as FlyMachine, MachineEvent } from '../../fly/client.ts'
import type { Machine, MachineExit, MachinePhase } from '../provisioner.ts'
import { fromMetadata } from './labels.ts'

// All other states end by themselves, or are new, and count as busy: an unknown word is not an end (docs/facts/fly.md
// §3).
const PHASES: Record<string, MachinePhase> = {
  started: 'started',
  stopped: 'stopped',
  suspended: 'suspended',
  failed: 'failed',
  launch_failed: 'failed',
  destroyed: 'gone',
}

export const toPhase = (state: string): MachinePhase => PHASES[state] ?? 'busy'

export function phaseOf(machine: FlyMachine): MachinePhase {
  // The host does not answer, so the state is only the last known one (docs/facts/fly.md §3).
  if (machine.host_status === 'unreachable' || machine.host_status === 'unknown') return 'unknown'
  return toPhase(machine.state)
}

export function toMachine(app: string, machine: FlyMachine): Machine {
  const config = machine.config ?? machine.incomplete_config
  const reference = machine.image_ref
  const repository = [reference?.registry, reference?.repository].filter(Boolean).join('/')
  return {
    id: machine.id,
    app,
    phase: phaseOf(machine),
    state: machine.state,
    region: machine.region ?? '',
    // The digest of an image that could not be pulled has no use.
    image:
      machine.state !== 'failed' && repository && reference?.digest
        ? `${repository}@${reference.digest}`
        : (config?.image ?? ''),
    labels: fromMetadata(config?.metadata),
    exit: exitOf(machine.events ?? []),
    startError: troubleOf(machine),
  }
}

// Events are newest first. An exit before the newest start does not concern the running program (docs/facts/fly.md
// §2.9).
function exitOf(events: MachineEvent[]): MachineExit | undefined {
  for (const event of events) {
    if (event.type === 'start' && event.status === 'started') return undefined
    if (event.type === 'update' || event.type === 'launch') return undefined
    const exit = event.request?.exit_event ?? event.request?.MonitorEvent?.exit_event
    if (event.type === 'exit' && exit) {
      return {
        exitCode: exit.guest_exit_code ?? exit.exit_code ?? null,
        oomKilled: exit.oom_killed === true,
        requested: exit.requested_stop === true,
        at: new Date(event.timestamp ?? 0),
      }
    }
  }
  return undefined
}

// The text of an event says why a machine did not start (docs/facts/fly.md §8.4).
function troubleOf(machine: FlyMachine): string | undefined {
  if (phaseOf(machine) !== 'failed') return undefined
  const text = JSON.stringify(machine.events ?? [])
  return /unable to pull image[^"\\]*/i.exec(text)?.[0]
}
