// Fly Machines as a backend: translates the provisioner's verbs to Machines API calls, and Fly's answers to its
// vocabulary. Machines of all workspaces share the configured apps; name and metadata identify them.
import { type FlyClient, type Machine as FlyMachine, type MachineEvent } from '../../fly/client.ts'
import { FlyError } from '../../fly/errors.ts'
import { machineName, type MachineSpec } from '../../machines/machine-spec.ts'
import type { ReasonDetails } from '../../platform/reasons.ts'
import { flyConfig, type SecretsDelivery } from './machine-config.ts'
import { type FlyEndpoint, proxyOf } from './endpoint.ts'
import { appSecrets, ownerOf } from './secrets.ts'
import { CONTROL_PLANE_KEY, fromMetadata, WORKSPACE_KEY } from './labels.ts'
import { toProvisionError } from './problems.ts'
import type {
  FleetEntry,
  InventoryEntry,
  Machine,
  MachineExit,
  MachinePhase,
  Observed,
  Provisioner,
} from '../provisioner.ts'

/** Fly's regions as of June 2026 (docs/facts/fly.md §2.8). A region that is missing here is refused before Fly is asked. */
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

// States that end by themselves, and any we have never heard of, are busy: a new word is not a death (docs/facts/fly.md §3).
const PHASES: Record<string, MachinePhase> = {
  started: 'started',
  stopped: 'stopped',
  suspended: 'suspended',
  failed: 'failed',
  launch_failed: 'failed',
  destroyed: 'gone',
}

/** Fly takes one create a second per app, and three at once after a rest (docs/facts/fly.md §6); one less leaves room for delays. */
const LAUNCH_RATE = { perSecond: 1, burst: 2 }

export type FlyProvisionerOptions = {
  fly: FlyClient
  apps: readonly [string, ...string[]]
  endpoint: FlyEndpoint
  /** Where the Fly Proxy is, when it is not where the endpoint has it. */
  proxyUrl?: string | undefined
  /** `env`: secret values are part of the machine's config, and readable by whoever may list machines. */
  secretsDelivery: SecretsDelivery
}

export function createFlyProvisioner({
  fly,
  apps,
  endpoint,
  proxyUrl,
  secretsDelivery,
}: FlyProvisionerOptions): Provisioner {
  // Fly's list lags behind its writes; the name is exact, but only a create can ask for it (docs/facts/fly.md §11.5).
  async function findByLabels(app: string, workspaceId: string): Promise<FlyMachine | undefined> {
    const found = await fly.listMachines(app, { metadata: { [WORKSPACE_KEY]: workspaceId } })
    return found.find((machine) => phaseOf(machine) !== 'gone' && machine.name === machineName(workspaceId))
  }

  /** Sets what is secret, and returns the config that names it; Fly then waits until the machine's host has it. */
  async function deliver(app: string, spec: MachineSpec) {
    const config = flyConfig(spec, secretsDelivery, endpoint)
    if (secretsDelivery === 'env') return { config }
    const version = await fly.updateSecrets(app, appSecrets(spec))
    return { config, ...(version === undefined ? {} : { min_secrets_version: version }) }
  }

  /** A token that may not see secrets is no trouble where none are put: at most there are some of an earlier time. */
  function noneIfPlain(error: unknown): string[] {
    const isRefused =
      error instanceof FlyError && (error.code === 'unauthorized' || error.code === 'forbidden')
    if (secretsDelivery === 'env' && isRefused) return []
    throw error
  }

  return {
    name: 'flyio',
    apps,
    regions: FLY_REGIONS,
    launchRate: LAUNCH_RATE,
    monthlyPrice,

    async check() {
      await Promise.all(apps.map((app) => attempt(() => fly.getApp(app), { app })))
    },

    async launch(app, spec) {
      const details = { app, image: spec.image }
      try {
        const place = { name: spec.name, region: spec.region }
        const input = { ...place, ...(await deliver(app, spec)) }
        return toMachine(app, await fly.createMachine(app, input))
      } catch (error) {
        if (!(error instanceof FlyError) || error.existingMachineId === undefined)
          throw toProvisionError(error, details)
        return adopt(error.existingMachineId, error)
      }

      // The name is taken, by an earlier create of ours whose answer was lost or by a stranger.
      async function adopt(machineId: string, cause: FlyError): Promise<Machine> {
        const machine = await attempt(() => fly.getMachine(app, machineId), {
          ...details,
          machine: machineId,
        })
        const labels = fromMetadata(machine.config?.metadata)
        if (
          labels?.workspaceId !== spec.labels.workspaceId ||
          labels.controlPlane !== spec.labels.controlPlane
        ) {
          throw toProvisionError(cause, details)
        }
        return toMachine(app, machine)
      }
    },

    update: ({ app, machineId }, spec) =>
      attempt(
        async () => {
          const machine = await fly.updateMachine(app, machineId, await deliver(app, spec))
          return toMachine(app, machine)
        },
        { app, machine: machineId, image: spec.image },
      ),

    start: ({ app, machineId }) =>
      attempt(
        async () => {
          await fly.startMachine(app, machineId)
        },
        { app, machine: machineId },
      ),

    stop: ({ app, machineId }) => attempt(() => fly.stopMachine(app, machineId), { app, machine: machineId }),

    suspend: ({ app, machineId }) =>
      attempt(
        async () => {
          const { config } = await fly.getMachine(app, machineId)
          // Larger ones take long, and swap or a schedule forbid it (docs/facts/fly.md §4.5).
          const fits =
            (config?.guest?.memory_mb ?? 0) <= MAX_SUSPEND_MB &&
            !config?.init?.swap_size_mb &&
            !config?.schedule
          if (fits) await fly.suspendMachine(app, machineId)
          else await fly.stopMachine(app, machineId)
        },
        { app, machine: machineId },
      ),

    destroy: ({ app, machineId }) =>
      attempt(
        async () => {
          await fly.destroyMachine(app, machineId, { force: true })
        },
        { app, machine: machineId },
      ),

    async observe(workspaceId, app, machineId): Promise<Observed> {
      try {
        const machine =
          machineId === null ? await findByLabels(app, workspaceId) : await fly.getMachine(app, machineId)
        return machine === undefined
          ? { presence: 'absent' }
          : { presence: 'present', machine: toMachine(app, machine) }
      } catch (error) {
        if (error instanceof FlyError && (error.code === 'machine_not_found' || error.code === 'not_found')) {
          return { presence: 'absent' }
        }
        return { presence: 'unknown', problem: toProvisionError(error, { app, machine: machineId }).problem }
      }
    },

    async waitUntilSettled({ app, machineId }, seconds, signal) {
      try {
        const timeoutSeconds = Math.max(1, Math.min(60, Math.floor(seconds)))
        await fly.waitForMachine(app, machineId, { states: ['settled'], timeoutSeconds }, { signal })
      } catch (error) {
        // What follows looks at the machine again, so a wait that failed is only a wait cut short.
        if (!(error instanceof FlyError)) throw error
      }
    },

    fleet: (app, controlPlane) =>
      attempt(
        async () => {
          const machines = await fly.listMachines(app, {
            metadata: { [CONTROL_PLANE_KEY]: controlPlane },
            summary: true,
          })
          return machines.map(({ id, state }): FleetEntry => ({
            machineId: id,
            state,
            phase: PHASES[state] ?? 'busy',
          }))
        },
        { app },
      ),

    inventory: (app) =>
      attempt(
        async () => {
          const machines = await fly.listMachines(app)
          return machines.map((machine): InventoryEntry => {
            const guest = (machine.config ?? machine.incomplete_config)?.guest
            return {
              ...toMachine(app, machine),
              name: machine.name ?? '',
              createdAt: machine.created_at === undefined ? undefined : new Date(machine.created_at),
              cpus: guest?.cpus ?? 1,
              memoryMb: guest?.memory_mb ?? 256,
            }
          })
        },
        { app },
      ),

    listSecrets: (app, controlPlane) =>
      attempt(
        async () => {
          const names = await fly.listSecretNames(app).catch(noneIfPlain)
          return names.flatMap((name) => {
            const owner = ownerOf(name, controlPlane)
            return owner === undefined ? [] : [{ name, ...owner }]
          })
        },
        { app },
      ),

    forgetSecrets: (app, names) =>
      attempt(
        async () => {
          await fly.updateSecrets(app, Object.fromEntries(names.map((name) => [name, null])))
        },
        { app },
      ),

    endpoint: (machine) => ({
      url: proxyUrl ?? proxyOf(endpoint, machine.app),
      headers: { 'fly-force-instance-id': machine.machineId },
    }),
  }
}

/** Fly advises suspending up to 2 GB only (docs/facts/fly.md §4.5). */
const MAX_SUSPEND_MB = 2048

/** Shared CPUs with 256 MB each, plus memory beyond that; list prices of 2026 in US dollars (docs/facts/fly.md §9). */
function monthlyPrice({ cpus, memoryMb }: { cpus: number; memoryMb: number }): number {
  return cpus * 2.19 + (Math.max(0, memoryMb - cpus * 256) / 1024) * 6
}

async function attempt<Result>(call: () => Promise<Result>, details: ReasonDetails): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw toProvisionError(error, details)
  }
}

function phaseOf(machine: FlyMachine): MachinePhase {
  // The host does not answer: the state is only the last one known (docs/facts/fly.md §3).
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

// Events are newest first. An exit before the newest start says nothing about the guest that runs now (docs/facts/fly.md §2.9).
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

// Fly says what kept a machine from starting in an event's free text (docs/facts/fly.md §8.4).
function troubleOf(machine: FlyMachine): string | undefined {
  if (phaseOf(machine) !== 'failed') return undefined
  const text = JSON.stringify(machine.events ?? [])
  return /unable to pull image[^"\\]*/i.exec(text)?.[0]
}
