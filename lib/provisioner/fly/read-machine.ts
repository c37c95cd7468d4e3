// Reads Fly's machines into the provisioner's terms. Pure.
import type { Machine as FlyMachine, MachineEvent } from '../../fly/client.ts'
import type {
  Machine,
  MachineExit,
  MachineHelp,
  MachinePhase,
  MachineRef,
  StopRequest,
} from '../provisioner.ts'
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

const toPhase = (state: string): MachinePhase => PHASES[state] ?? 'busy'

export function phaseOf(machine: FlyMachine): MachinePhase {
  // The host does not answer, so the state is only the last known one (docs/facts/fly.md §3).
  if (machine.host_status === 'unreachable' || machine.host_status === 'unknown') return 'unknown'
  return toPhase(machine.state)
}

/** `instance_id` is the older name of the same value (docs/facts/fly.md §2.9). */
export const versionOf = (machine: Pick<FlyMachine, 'instance_id' | 'version'>) =>
  machine.version ?? machine.instance_id

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
    help: flyHelp({ app, machineId: machine.id }),
    // The digest of an image that could not be pulled has no use.
    image:
      machine.state !== 'failed' && repository && reference?.digest
        ? `${repository}@${reference.digest}`
        : (config?.image ?? ''),
    version: versionOf(machine),
    isCordoned: machine.cordoned === true,
    size:
      config?.guest === undefined
        ? undefined
        : { cpus: config.guest.cpus ?? 1, memoryMb: config.guest.memory_mb ?? 256 },
    disk: config?.mounts?.[0]?.volume,
    labels: fromMetadata(config?.metadata),
    exit: exitOf(machine.events ?? []),
    stopRequest: stopRequestOf(machine),
    startError: startErrorOf(machine),
  }
}

/** Commands of flyctl. */
export const flyHelp = ({ app, machineId }: MachineRef): MachineHelp => ({
  log: `fly logs -a ${app} --machine ${machineId}`,
  look: `fly machine status ${machineId} -a ${app}`,
  uncordon: `fly machine uncordon ${machineId} -a ${app}`,
  limit:
    'Fly stops the machines of trial accounts after 5 minutes: if this is one, add a payment method at https://fly.io/dashboard.',
})

const exitEventOf = (event: MachineEvent) =>
  event.type === 'exit'
    ? (event.request?.exit_event ?? event.request?.MonitorEvent?.exit_event ?? undefined)
    : undefined

const isStart = ({ status, type }: MachineEvent) => type === 'start' && status === 'started'

/**
 * The exit of the program that ran last. Events are newest first: an exit before the newest start does not concern
 * the running program (docs/facts/fly.md §2.9). An update ends the program that ran before it; that exit is no crash,
 * also when it is logged after the update.
 */
function exitOf(events: MachineEvent[]): MachineExit | undefined {
  const newest = events.findIndex((event) => isStart(event) || isReplacement(event) || exitEventOf(event))
  const event = events[newest]
  const exit = event && exitEventOf(event)
  if (event === undefined || exit === undefined) return undefined
  const earlier = events.slice(newest + 1).find((one) => isStart(one) || isReplacement(one))
  if (earlier?.type === 'update') return undefined
  const at = event.timestamp ?? 0
  const startedAt = earlier !== undefined && isStart(earlier) ? earlier.timestamp : undefined
  return {
    exitCode: exit.guest_exit_code ?? exit.exit_code ?? null,
    oomKilled: exit.oom_killed === true,
    requested: exit.requested_stop === true,
    at: new Date(at),
    ranSeconds: startedAt === undefined ? undefined : Math.round((at - startedAt) / 1000),
  }
}

const isReplacement = ({ type }: MachineEvent) => type === 'update' || type === 'launch'

/**
 * The request that ended the last run. Nothing but a request suspends a machine; a stop was requested if its exit says
 * so, or if no program ran that could exit. Its source is that of the request's event: `user` for a call of the API,
 * from wherever it came (docs/facts/fly.md §2.9, §12.4).
 */
function stopRequestOf(machine: FlyMachine): StopRequest | undefined {
  const phase = phaseOf(machine)
  if (phase !== 'stopped' && phase !== 'suspended') return undefined
  const events = machine.events ?? []
  const began = events.findIndex((event) => event.type === 'start' || isReplacement(event))
  const since = began === -1 ? events : events.slice(0, began)
  const requests = since.filter(({ type }) => type === 'stop' || type === 'suspend')
  // `flyd` reports each step of a request, beside the source that made it.
  const request = requests.find(({ source }) => source !== 'flyd') ?? requests[0]
  const exit = exitOf(events)
  const isRequested = phase === 'suspended' || (exit === undefined ? request !== undefined : exit.requested)
  if (!isRequested) return undefined
  const at = request?.timestamp ?? exit?.at.getTime()
  return {
    verb: phase === 'suspended' ? 'suspend' : 'stop',
    source: request?.source ?? null,
    at: at === undefined ? null : new Date(at),
    ...limitOf(exit),
  }
}

/**
 * How long a machine has been at rest, both times by Fly's clock: nothing has happened to it since its newest event.
 * @returns undefined while it runs, and where Fly shows no event or no time
 */
export function restedMsOf(machine: FlyMachine, answeredAt: number | undefined): number | undefined {
  const phase = phaseOf(machine)
  const newest = Math.max(...(machine.events ?? []).map(({ timestamp }) => timestamp ?? Number.NaN))
  if ((phase !== 'stopped' && phase !== 'suspended') || answeredAt === undefined) return undefined
  return Number.isFinite(newest) ? answeredAt - newest : undefined
}

/**
 * The lifetime of machines of trial accounts, in seconds, with what starting and stopping may take (docs/facts/fly.md
 * §12).
 */
const TRIAL_SECONDS = { from: 285, to: 345 }

function limitOf(exit: MachineExit | undefined): Pick<StopRequest, 'limitMinutes'> {
  const ranSeconds = exit?.requested === true ? (exit.ranSeconds ?? 0) : 0
  return ranSeconds >= TRIAL_SECONDS.from && ranSeconds <= TRIAL_SECONDS.to
    ? { limitMinutes: Math.round(ranSeconds / 60) }
    : {}
}

// The text of an event says why a machine did not start (docs/facts/fly.md §8.4).
function startErrorOf(machine: FlyMachine): Machine['startError'] {
  if (phaseOf(machine) !== 'failed') return undefined
  const events = JSON.stringify(machine.events ?? [])
  const text = /unable to pull image[^"\\]*/i.exec(events)?.[0]
  return text === undefined ? undefined : { code: 'image_unpullable', text }
}
