// Fly Machines as a backend: translates the provisioner's verbs to Machines API calls, and Fly's answers to its
// vocabulary. All machines live in one app and are told apart by name and metadata.
import { type FlyClient, type Machine as FlyMachine, type MachineEvent } from '../fly/client.ts'
import { FlyError } from '../fly/errors.ts'
import { machineName } from '../workspaces/machine-spec.ts'
import { flyConfig } from './fly-config.ts'
import { CONTROL_PLANE_KEY, fromMetadata, WORKSPACE_KEY } from './fly-labels.ts'
import { toProvisionError } from './fly-problems.ts'
import type { FleetEntry, Machine, MachineExit, MachinePhase, Observed, Provisioner } from './provisioner.ts'

/** Fly's regions as of June 2026 (fly.md §2.8). A region that is missing here is refused before Fly is asked. */
export const FLY_REGIONS = [
  'ams',
  'arn',
  'bom',
  'cdg',
  'dfw',
  'ewr',
  'fra',
  'gru',
  'iad',
  'jnb',
  'lax',
  'lhr',
  'nrt',
  'ord',
  'sin',
  'sjc',
  'syd',
  'yyz',
] as const

// States that end by themselves, and any we have never heard of, are busy: a new word is not a death (fly.md §3).
const PHASES: Record<string, MachinePhase> = {
  started: 'started',
  stopped: 'stopped',
  suspended: 'suspended',
  failed: 'failed',
  launch_failed: 'failed',
  destroyed: 'gone',
}

export type FlyProvisionerOptions = {
  fly: FlyClient
  app: string
  /** Where the Fly Proxy is, when it is not `https://<app>.fly.dev`. */
  proxyUrl?: string | undefined
}

export function createFlyProvisioner({ fly, app, proxyUrl }: FlyProvisionerOptions): Provisioner {
  // Fly's list lags behind its writes; the name is exact, but only a create can ask for it (fly.md §11.5).
  async function findByLabels(workspaceId: string): Promise<FlyMachine | undefined> {
    const found = await fly.listMachines(app, { metadata: { [WORKSPACE_KEY]: workspaceId } })
    const living = found.filter(
      (machine) => phaseOf(machine) !== 'gone' && machine.name === machineName(workspaceId),
    )
    return living[0]
  }

  return {
    name: 'flyio',
    app,
    regions: FLY_REGIONS,

    async launch(spec) {
      try {
        const input = { name: spec.name, region: spec.region, config: flyConfig(spec) }
        return toMachine(app, await fly.createMachine(app, input))
      } catch (error) {
        if (!(error instanceof FlyError) || error.existingMachineId === undefined)
          throw toProvisionError(error, spec)
        return adopt(error.existingMachineId, error)
      }

      // The name is taken, by an earlier create of ours whose answer was lost or by a stranger.
      async function adopt(machineId: string, cause: FlyError): Promise<Machine> {
        const machine = await attempt(() => fly.getMachine(app, machineId))
        const labels = fromMetadata(machine.config?.metadata)
        if (
          labels?.workspaceId !== spec.labels.workspaceId ||
          labels.controlPlane !== spec.labels.controlPlane
        ) {
          throw toProvisionError(cause, spec)
        }
        return toMachine(app, machine)
      }
    },

    update: (machineId, spec) =>
      attempt(async () => {
        const machine = await fly.updateMachine(app, machineId, { config: flyConfig(spec) })
        return toMachine(app, machine)
      }),

    start: (machineId) =>
      attempt(async () => {
        await fly.startMachine(app, machineId)
      }),

    stop: (machineId) => attempt(() => fly.stopMachine(app, machineId)),

    destroy: (machineId) =>
      attempt(async () => {
        await fly.destroyMachine(app, machineId, { force: true })
      }),

    async observe(workspaceId, machineId): Promise<Observed> {
      try {
        const machine =
          machineId === null ? await findByLabels(workspaceId) : await fly.getMachine(app, machineId)
        return machine === undefined
          ? { presence: 'absent' }
          : { presence: 'present', machine: toMachine(app, machine) }
      } catch (error) {
        if (error instanceof FlyError && (error.code === 'machine_not_found' || error.code === 'not_found'))
          return { presence: 'absent' }
        return { presence: 'unknown', problem: toProvisionError(error).problem }
      }
    },

    async settle(machineId, seconds) {
      try {
        const timeoutSeconds = Math.max(1, Math.min(60, Math.floor(seconds)))
        await fly.waitForMachine(app, machineId, { states: ['settled'], timeoutSeconds })
      } catch (error) {
        // What follows looks at the machine again, so a wait that failed is only a wait cut short.
        if (!(error instanceof FlyError)) throw error
      }
    },

    fleet: (controlPlane) =>
      attempt(async () => {
        const machines = await fly.listMachines(app, {
          metadata: { [CONTROL_PLANE_KEY]: controlPlane },
          summary: true,
        })
        return machines.map(({ id, state }): FleetEntry => ({
          machineId: id,
          state,
          phase: PHASES[state] ?? 'busy',
        }))
      }),

    endpoint: (machine) => ({
      url: proxyUrl ?? `https://${machine.app}.fly.dev`,
      headers: { 'fly-force-instance-id': machine.machineId },
    }),
  }
}

async function attempt<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw toProvisionError(error)
  }
}

function phaseOf(machine: FlyMachine): MachinePhase {
  // The host does not answer: the state is only the last one known (fly.md §3).
  if (machine.host_status === 'unreachable' || machine.host_status === 'unknown') return 'unknown'
  return PHASES[machine.state] ?? 'busy'
}

function toMachine(app: string, machine: FlyMachine): Machine {
  const config = machine.config ?? machine.incomplete_config
  const reference = machine.image_ref
  const repository = [reference?.registry, reference?.repository].filter(Boolean).join('/')
  return {
    id: machine.id,
    app,
    phase: phaseOf(machine),
    state: machine.state,
    region: machine.region ?? '',
    // A digest of an image that could not be pulled would be of no use to anybody.
    image:
      machine.state !== 'failed' && repository && reference?.digest
        ? `${repository}@${reference.digest}`
        : (config?.image ?? ''),
    labels: fromMetadata(config?.metadata),
    exit: exitOf(machine.events ?? []),
    trouble: troubleOf(machine),
  }
}

// Events are newest first. An exit before the newest start says nothing about the guest that runs now (fly.md §2.9).
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

// Fly says what kept a machine from starting in an event's free text (fly.md §8.4).
function troubleOf(machine: FlyMachine): string | undefined {
  if (phaseOf(machine) !== 'failed') return undefined
  const text = JSON.stringify(machine.events ?? [])
  return /unable to pull image[^"\\]*/i.exec(text)?.[0]
}
