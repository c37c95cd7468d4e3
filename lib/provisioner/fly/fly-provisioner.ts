// The provider Fly Machines: translates the provisioner's verbs to calls of the Machines API, and Fly's answers back.
// Machines are spread over one or more apps and identified by name and metadata.
import type { FlyClient, Machine as FlyMachine } from '../../fly/client.ts'
import { FlyError } from '../../fly/errors.ts'
import { AGENT_PORT, machineName, type MachineSpec } from '../../machines/machine-spec.ts'
import {
  type FleetEntry,
  type InventoryEntry,
  type Machine,
  type Observed,
  type Provisioner,
  signatureOf,
} from '../provisioner.ts'
import { type FlyEndpoint, proxyOf } from './endpoint.ts'
import { flyDisks } from './disks.ts'
import { flyInside } from './inside.ts'
import { CONTROL_PLANE_KEY, fromMetadata, WORKSPACE_KEY } from './labels.ts'
import { flyConfig, type SecretsDelivery } from './machine-config.ts'
import { attempt, toProvisionError } from './problems.ts'
import { flyHelp, phaseOf, restedMsOf, toMachine, versionOf } from './read-machine.ts'
import { FLY_REGIONS } from './regions.ts'
import { appSecrets, ownerOf } from './secrets.ts'

/**
 * Fly allows one create a second per app and a burst of three (docs/facts/fly.md §6). A smaller burst tolerates
 * delays.
 */
const LAUNCH_RATE = { perSecond: 1, burst: 2 }

export type FlyProvisionerOptions = {
  fly: FlyClient
  apps: readonly [string, ...string[]]
  endpoint: FlyEndpoint
  /** The Fly Proxy's URL, where it is not the endpoint's. */
  proxyUrl?: string | undefined
  /** With `env`, everyone who may list machines can read secret values. */
  secretsDelivery: SecretsDelivery
}

export function createFlyProvisioner({
  fly,
  apps,
  endpoint,
  proxyUrl,
  secretsDelivery,
}: FlyProvisionerOptions): Provisioner {
  // Fly's list lags behind its writes (docs/facts/fly.md §11.5), and no call finds a machine by its name.
  async function findByLabels(
    app: string,
    workspaceId: string,
    name: string,
  ): Promise<FlyMachine | undefined> {
    const found = await fly.listMachines(app, { metadata: { [WORKSPACE_KEY]: workspaceId } })
    return found.find((machine) => phaseOf(machine) !== 'gone' && machine.name === name)
  }

  /** The config, with the version of the app's secrets that the machine's host must have. */
  const configOf = (spec: MachineSpec, secretsVersion: number | undefined) => ({
    config: flyConfig(spec, secretsDelivery, endpoint),
    ...(secretsVersion === undefined ? {} : { min_secrets_version: secretsVersion }),
  })

  /** With delivery by `env`, a token without access to secrets is sufficient: app secrets could only be old ones. */
  function noneIfForbidden(error: unknown): string[] {
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
    storesSecrets: secretsDelivery === 'fly',
    // Fly makes the root file system anew from the image at each cold boot (docs/facts/fly.md §4.2).
    keepsRootFiles: false,
    ...flyDisks(fly),
    ...flyInside(fly),

    check: () =>
      attempt(async () => {
        await Promise.all(apps.map((app) => fly.getApp(app)))
        return 'the token may use every app'
      }),

    help: flyHelp,

    agentPort: () => Promise.resolve(AGENT_PORT),

    async launch(app, spec, secretsVersion) {
      try {
        const { name, region } = spec
        const input = { name, region, ...configOf(spec, secretsVersion) }
        return toMachine(app, await fly.createMachine(app, input))
      } catch (error) {
        if (!(error instanceof FlyError) || error.existingMachineId === undefined)
          throw toProvisionError(error, spec)
        return adopt(error.existingMachineId, error)
      }

      // The name is taken: by an earlier create of ours whose answer was lost, or by a machine that is not ours.
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

    update: ({ app, machineId }, spec, secretsVersion) =>
      attempt(async () => {
        const machine = toMachine(
          app,
          await fly.updateMachine(app, machineId, configOf(spec, secretsVersion)),
        )
        if (machine.isCordoned) await fly.uncordonMachine(app, machineId)
        return { ...machine, isCordoned: false }
      }, spec),

    deliverSecrets: (app, spec) =>
      attempt(async () => {
        if (secretsDelivery === 'env') return undefined
        return fly.updateSecrets(app, appSecrets(spec))
      }, spec),

    start: ({ app, machineId }) =>
      attempt(async () => {
        await fly.startMachine(app, machineId)
      }),

    stop: ({ app, machineId }) => attempt(() => fly.stopMachine(app, machineId)),

    keepsMemory,

    suspend: ({ app, machineId }) =>
      attempt(async () => {
        const { config } = await fly.getMachine(app, machineId)
        // Suspending more memory takes long; swap or a schedule forbid it (docs/facts/fly.md §4.5).
        const fits =
          keepsMemory(config?.guest?.memory_mb ?? 0) && !config?.init?.swap_size_mb && !config?.schedule
        if (!fits) return fly.stopMachine(app, machineId)
        await fly.suspendMachine(app, machineId).catch((error: unknown) => {
          if (!cannotSuspend(error)) throw error
          return fly.stopMachine(app, machineId)
        })
      }),

    destroy: ({ app, machineId }) =>
      attempt(async () => {
        await fly.destroyMachine(app, machineId, { force: true })
      }),

    async observe(workspaceId, app, machineId, name = machineName(workspaceId)): Promise<Observed> {
      try {
        if (machineId !== null) {
          const { answeredAt, body } = await fly.getDatedMachine(app, machineId)
          return {
            presence: 'present',
            machine: toMachine(app, body),
            restedMs: restedMsOf(body, answeredAt),
          }
        }
        const machine = await findByLabels(app, workspaceId, name)
        return machine === undefined
          ? { presence: 'absent' }
          : { presence: 'present', machine: toMachine(app, machine) }
      } catch (error) {
        if (error instanceof FlyError && (error.code === 'machine_not_found' || error.code === 'not_found')) {
          return { presence: 'absent' }
        }
        return { presence: 'unknown', problem: toProvisionError(error).problem }
      }
    },

    async waitUntilSettled({ app, machineId }, seconds, signal) {
      try {
        const timeoutSeconds = Math.max(1, Math.min(60, Math.floor(seconds)))
        await fly.waitForMachine(app, machineId, { states: ['settled'], timeoutSeconds }, { signal })
        return true
      } catch (error) {
        if (!(error instanceof FlyError)) throw error
        return false
      }
    },

    fleet: (app, controlPlane, withHosts = false) =>
      attempt(async () => {
        const machines = await fly.listMachines(app, {
          metadata: { [CONTROL_PLANE_KEY]: controlPlane },
          // A summary leaves out whether the host answers (docs/facts/fly.md §2.2).
          ...(withHosts ? {} : { summary: true }),
        })
        return machines.map((machine): FleetEntry => ({
          machineId: machine.id,
          state: machine.state,
          phase: phaseOf(machine),
          signature: signatureOf({ version: versionOf(machine), isCordoned: machine.cordoned === true }),
        }))
      }),

    inventory: (app) =>
      attempt(async () => {
        const machines = await fly.listMachines(app)
        return machines.map((machine): InventoryEntry => {
          const guest = (machine.config ?? machine.incomplete_config)?.guest
          return {
            ...toMachine(app, machine),
            name: machine.name ?? '',
            createdAt: toCreationTime(machine.created_at),
            size: { cpus: guest?.cpus ?? 1, memoryMb: guest?.memory_mb ?? 256 },
          }
        })
      }),

    listSecrets: (app, controlPlane) =>
      attempt(async () => {
        const names = await fly.listSecretNames(app).catch(noneIfForbidden)
        return names.flatMap((name) => {
          const owner = ownerOf(name, controlPlane)
          return owner === undefined ? [] : [{ name, ...owner }]
        })
      }),

    deleteSecrets: (app, names) =>
      attempt(async () => {
        await fly.updateSecrets(app, Object.fromEntries(names.map((name) => [name, null])))
      }),

    endpoint: (machine) =>
      Promise.resolve({
        url: proxyUrl ?? proxyOf(endpoint, machine.app),
        headers: { 'fly-force-instance-id': machine.machineId },
      }),
  }
}

/**
 * Whether Fly refuses to suspend a machine as it is. What it answers then is not documented (docs/facts/fly.md §13), and a machine that
 * runs on costs money.
 */
const cannotSuspend = (error: unknown): boolean =>
  error instanceof FlyError &&
  !error.retryable &&
  (error.code === 'invalid_request' || error.code === 'wrong_state')

/** Fly advises suspending up to 2 GB of memory (docs/facts/fly.md §4.5). */
const MAX_SUSPEND_MB = 2048

const keepsMemory = (memoryMb: number): boolean => memoryMb <= MAX_SUSPEND_MB

/** Zombie machines in Fly's lists have a creation time of 1970, or none (docs/facts/fly.md §2.9). */
function toCreationTime(text: string | undefined): Date | undefined {
  const time = new Date(text ?? Number.NaN)
  return time.getFullYear() > 1970 ? time : undefined
}
