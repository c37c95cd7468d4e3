// Disks as named volumes of the Docker host. Docker neither limits a volume's size nor takes snapshots of it, so a size is
// what was asked for, and copies and snapshots are refused by name.
import type { DockerClient, Volume } from '../../docker/client.ts'
import { ifFound } from '../../docker/errors.ts'
import type { DiskProvisioner, ObservedDisk, ProviderDisk } from '../disks.ts'
import { ProvisionError } from '../problem.ts'
import { DISK_GB } from './labels.ts'
import { attempt, toProvisionError } from './problems.ts'
import { DOCKER_APP, LOCAL_REGION } from './place.ts'

function toDisk({ CreatedAt, Labels, Name }: Volume): ProviderDisk {
  const createdAt = new Date(CreatedAt)
  return {
    id: Name,
    app: DOCKER_APP,
    name: Name,
    phase: 'ready',
    state: 'created',
    region: LOCAL_REGION,
    sizeGb: Number(Labels[DISK_GB] ?? 0),
    usedBytes: undefined,
    attachedTo: undefined,
    createdAt: Number.isNaN(createdAt.getTime()) ? undefined : createdAt,
  }
}

const NO_COPIES =
  'Docker volumes cannot be copied or kept as snapshots. Copy what the agent wrote with POST /workspaces/{id}/files/archive.'

const unsupported = () =>
  new ProvisionError(
    { code: 'invalid_machine', message: NO_COPIES, hint: 'Remove the workspace.', retryable: false },
    { applied: 'no' },
  )

export function dockerDisks(docker: DockerClient): DiskProvisioner {
  async function observe(name: string): Promise<ObservedDisk> {
    try {
      const volume = await ifFound(docker.inspectVolume(name))
      return volume === undefined ? { presence: 'absent' } : { presence: 'present', disk: toDisk(volume) }
    } catch (error) {
      return { presence: 'unknown', problem: toProvisionError(error).problem }
    }
  }

  return {
    noCopies: NO_COPIES,
    prices: undefined,

    // A volume of this name is the same disk: names of volumes are unique, and creating one twice is one.
    createDisk: (_, { name, sizeGb, source }) =>
      attempt(async () => {
        if (source !== undefined) throw unsupported()
        return toDisk(await docker.createVolume(name, { [DISK_GB]: String(sizeGb) }))
      }),

    findDisk: (_, name) => observe(name),
    observeDisk: ({ id }) => observe(id),

    growDisk: () => Promise.resolve({ needsRestart: false }),

    deleteDisk: ({ id }) =>
      attempt(async () => {
        await ifFound(docker.removeVolume(id))
        return { gone: true }
      }),

    listDisks: () => attempt(async () => (await docker.listVolumes([DISK_GB])).map(toDisk)),

    takeSnapshot: () => Promise.reject(unsupported()),
    listSnapshots: () => Promise.resolve([]),
  }
}
