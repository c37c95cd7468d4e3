// The provider Docker: translates the provisioner's verbs to calls of the Engine API, and the daemon's answers back.
// A machine is a container, identified by its name and its labels.
import type { Container, DockerClient } from '../../docker/client.ts'
import { DockerError, ifFound, isStatus } from '../../docker/errors.ts'
import { AGENT_PORT, machineName, type MachineSpec } from '../../machines/machine-spec.ts'
import { sleep } from '../../platform/sleep.ts'
import {
  type FleetEntry,
  type InventoryEntry,
  type Machine,
  type Observed,
  type Provisioner,
  signatureOf,
} from '../provisioner.ts'
import type { SecretsDelivery } from './container-config.ts'
import { dockerDisks } from './disks.ts'
import { createImages } from './images.ts'
import { dockerInside } from './inside.ts'
import { CONTROL_PLANE, fromLabels, parseMachineId, PORT } from './labels.ts'
import { type DockerNetwork, freePort, isHost, urlOf } from './network.ts'
import { createPreparation } from './prepare-container.ts'
import { attempt, toProvisionError } from './problems.ts'
import { DOCKER_APP, LOCAL_REGION } from './place.ts'
import { dockerHelp, phaseOf, toEntry, toMachine } from './read-container.ts'
import type { RegistryCredentials } from './registry-credentials.ts'
import { withStopRequest } from './stop-request.ts'

/** The daemon limits nothing; this keeps a large fleet from starting all at once. */
const LAUNCH_RATE = { perSecond: 10, burst: 10 }

/** The pause between two looks at a container, in milliseconds. */
const LOOK_MS = 200

export type DockerProvisionerOptions = {
  docker: DockerClient
  network: DockerNetwork
  credentials: RegistryCredentials
  secretsDelivery: SecretsDelivery
  /** Unix milliseconds. */
  now?: () => number
}

export function createDockerProvisioner({
  docker,
  network,
  credentials,
  secretsDelivery,
  now = Date.now,
}: DockerProvisionerOptions): Provisioner {
  const prepare = createPreparation(docker, createImages(docker, credentials), {
    network,
    secretsDelivery,
    hostPort,
  })

  /** The container of a machine; undefined if there is none, or another one has its name. */
  async function find(machineId: string): Promise<Container | undefined> {
    const id = parseMachineId(machineId)
    if (id === undefined) return undefined
    const container = await findByName(id.name)
    return container !== undefined && fromLabels(container.Config.Labels)?.suffix === id.suffix
      ? container
      : undefined
  }

  const findByName = (name: string) => ifFound(docker.inspectContainer(name))

  /** Docker's id of a machine's container, which stands for no later container. */
  async function idOf(machineId: string): Promise<string> {
    const container = await find(machineId)
    if (container !== undefined) return container.Id
    throw new DockerError('no such container', {
      code: 'refused',
      status: 404,
      words: `No such container: ${machineId}`,
    })
  }

  async function hostPort(): Promise<number> {
    const containers = await docker.listContainers([PORT])
    return freePort(new Set(containers.map(({ Labels }) => Number(Labels[PORT]))))
  }

  /** Starts a container. One that cannot start is a machine that failed, with the daemon's words. */
  async function startNew(id: string): Promise<Machine> {
    try {
      await docker.startContainer(id)
    } catch (error) {
      const container = await docker.inspectContainer(id)
      if (!(error instanceof DockerError) || phaseOf(container.State) !== 'failed') throw error
    }
    return toMachine(await docker.inspectContainer(id))
  }

  /** A container that has the name already: of an earlier launch whose answer was lost, or of others. */
  async function adopt(container: Container, spec: MachineSpec): Promise<Machine> {
    const labels = fromLabels(container.Config.Labels)?.machine
    const isOurs =
      labels?.workspaceId === spec.labels.workspaceId && labels.controlPlane === spec.labels.controlPlane
    if (!isOurs)
      throw new DockerError('the name is taken', {
        code: 'refused',
        status: 409,
        words: `The container name "/${spec.name}" is already in use by container "${container.Id}"`,
      })
    const isNew = container.State.Status === 'created' && phaseOf(container.State) !== 'failed'
    return isNew ? startNew(container.Id) : toMachine(container)
  }

  return {
    name: 'docker',
    apps: [DOCKER_APP],
    regions: [LOCAL_REGION],
    launchRate: LAUNCH_RATE,
    storesSecrets: false,
    ...dockerDisks(docker),
    ...dockerInside(docker, idOf, secretsDelivery),

    check: () =>
      attempt(async () => {
        await docker.version()
        await docker.inspectNetwork(network.name)
        return 'the daemon answers, and has the network'
      }),

    help: ({ machineId }) => dockerHelp(parseMachineId(machineId)?.name ?? machineId),

    agentPort: () => attempt(async () => (isHost(network) ? hostPort() : AGENT_PORT)),

    launch: (_, spec) =>
      attempt(async () => {
        const present = await findByName(spec.name)
        if (present !== undefined && !isDead(present)) return adopt(present, spec)
        if (present !== undefined) await docker.removeContainer(present.Id)
        const id = await prepare(spec, crypto.randomUUID().slice(0, 8))
        try {
          await docker.renameContainer(id, spec.name)
        } catch (error) {
          if (!isStatus(error, 409)) throw error
          await docker.removeContainer(id)
          return adopt(await docker.inspectContainer(spec.name), spec)
        }
        return startNew(id)
      }, spec),

    // The configuration of a container cannot be changed, so another one takes its place.
    update: ({ machineId }, spec) =>
      attempt(async () => {
        const before = await idOf(machineId)
        const id = await prepare(spec, parseMachineId(machineId)?.suffix ?? '')
        await docker.stopContainer(before)
        await docker.removeContainer(before)
        await docker.renameContainer(id, spec.name)
        return startNew(id)
      }, spec),

    deliverSecrets: () => Promise.resolve(undefined),
    listSecrets: () => Promise.resolve([]),
    deleteSecrets: () => Promise.resolve(),

    start: ({ machineId }) =>
      attempt(async () => {
        const id = await idOf(machineId)
        const { State } = await docker.inspectContainer(id)
        await (State.Status === 'paused' ? docker.unpauseContainer(id) : docker.startContainer(id))
      }),

    stop: ({ machineId }) => attempt(async () => docker.stopContainer(await idOf(machineId))),

    // A container that is started again is the same one.
    keepsRootFiles: true,
    // A paused container keeps all its memory on the host, and hibernation exists to free it.
    keepsMemory: () => false,
    suspend: ({ machineId }) => attempt(async () => docker.stopContainer(await idOf(machineId))),

    destroy: ({ machineId }) =>
      attempt(async () => {
        const container = await find(machineId)
        if (container !== undefined) await docker.removeContainer(container.Id)
      }),

    async observe(workspaceId, _, machineId, name = machineName(workspaceId)): Promise<Observed> {
      try {
        const container = machineId === null ? await findByName(name) : await find(machineId)
        const labels = container && fromLabels(container.Config.Labels)
        if (container === undefined || labels === undefined) return { presence: 'absent' }
        if (machineId === null && labels.machine.workspaceId !== workspaceId) return { presence: 'absent' }
        if (isDead(container)) {
          // It would keep its name and its volume, and nobody would look for it any more.
          await docker.removeContainer(container.Id)
          return { presence: 'absent' }
        }
        return { presence: 'present', machine: await withStopRequest(docker, toMachine(container)) }
      } catch (error) {
        return { presence: 'unknown', problem: toProvisionError(error).problem }
      }
    },

    async waitUntilSettled({ machineId }, seconds, signal) {
      const until = now() + seconds * 1000
      try {
        for (;;) {
          const container = await find(machineId)
          if (container === undefined || phaseOf(container.State) !== 'busy') return true
          if (now() >= until || signal?.aborted === true) return true
          await sleep(LOOK_MS, signal)
        }
      } catch (error) {
        if (!(error instanceof DockerError)) throw error
        return false
      }
    },

    fleet: (_, controlPlane) =>
      attempt(async () => {
        const containers = await docker.listContainers([`${CONTROL_PLANE}=${controlPlane}`])
        return containers.map((summary): FleetEntry => {
          const { machineId, phase, state, version } = toEntry(summary)
          return { machineId, phase, state, signature: signatureOf({ version, isCordoned: false }) }
        })
      }),

    // Containers of other programs on this host are nobody's business here.
    inventory: () =>
      attempt(async () => {
        const containers = await docker.listContainers([CONTROL_PLANE])
        return containers.map((summary): InventoryEntry => {
          const { labels, machineId, name, phase, state, version } = toEntry(summary)
          return {
            id: machineId,
            app: DOCKER_APP,
            name,
            phase,
            state,
            region: LOCAL_REGION,
            help: dockerHelp(name),
            image: labels?.image ?? '',
            version,
            isCordoned: false,
            size: labels?.size ?? { cpus: 0, memoryMb: 0 },
            disk: undefined,
            labels: labels?.machine,
            exit: undefined,
            stopRequest: undefined,
            startError: undefined,
            createdAt: new Date(summary.Created * 1000),
          }
        })
      }),

    endpoint: ({ machineId }) =>
      attempt(async () => {
        const container = await find(machineId)
        const url = container && urlOf(container, network)
        if (url === undefined)
          throw new DockerError('the container has no address', { code: 'refused', status: 404 })
        return { url, headers: {} }
      }),

    async watch(controlPlane, onChange, signal) {
      const events = await docker.followEvents(
        { type: ['container'], label: [`${CONTROL_PLANE}=${controlPlane}`], event: CHANGES },
        signal,
      )
      for await (const _ of events) onChange()
    },
  }
}

/** Whether the daemon has begun to remove a container and could not end it. Nothing but another removal is possible. */
const isDead = ({ State }: Container): boolean => State.Status === 'dead'

/** Events after which a machine may not be as it is wanted. */
const CHANGES = ['start', 'die', 'oom', 'pause', 'unpause', 'destroy', 'rename', 'update']
