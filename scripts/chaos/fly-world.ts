// Fly as the provider of a run: the emulator, and faults of every kind that it knows.
import { CONTROL_PLANE_KEY, WORKSPACE_KEY } from '../../lib/provisioner/fly/labels.ts'
import { type Cloud, CRASHING_DIGEST, flyTokenOf, homeOf, startCloud } from './cloud.ts'
import { flyFaults } from './faults/fly.ts'
import { operator } from './faults/operator.ts'
import { volumeFaults } from './faults/volumes.ts'
import type { Violation } from './parts.ts'
import type { Chance } from './random.ts'
import type { World } from './world.ts'

const REGIONS = ['ord', 'iad', 'fra', 'nrt']
const RUNTIMES = ['langgraph', 'hermes', 'codex']

/** States of a volume that was deleted. */
const DELETED = ['waiting_for_detach', 'scheduling_destroy', 'pending_destroy', 'destroyed']

/** Enough apps for Fly's limit of one create a second per app. */
const appsFor = (workspaces: number) =>
  Array.from({ length: Math.max(2, Math.ceil(workspaces / 50)) }, (_, at) => `chaos-${at + 1}`)

export async function startFlyWorld(options: {
  workspaces: number
  seed: number
  speed: number
  chance: (stream: string) => Chance
}): Promise<World> {
  const { chance, seed, speed, workspaces } = options
  const apps = appsFor(workspaces)
  const cloud = await startCloud({ apps, seed, speed, agents: chance('agents') })
  /** Machines of others. */
  const foreign: string[] = []
  return {
    regions: REGIONS,
    runtimes: RUNTIMES,
    digests: {
      good: Array.from({ length: 9 }, (_, at) => `sha256:${String(at + 1).repeat(64)}`),
      crashing: CRASHING_DIGEST,
    },
    arrivals: cloud.arrivals,
    async admit(tenant) {
      cloud.tenants.push(tenant)
      return {
        CONTAINER_BACKEND: 'flyio',
        FLY_API_TOKEN: flyTokenOf(tenant),
        FLY_WORKSPACE_APP: apps[0] ?? '',
        FLY_WORKSPACE_APPS: apps.join(','),
        FLY_REGION: REGIONS[0] ?? '',
        FLY_FLAPS_BASE_URL: cloud.apiUrl,
        FLY_API_BASE_URL: cloud.apiUrl,
        FLY_PROXY_BASE_URL: cloud.proxyUrl,
        PUBLIC_URL: homeOf(tenant),
      }
    },
    look: () => Promise.resolve(holdingsOf(cloud)),
    counterOf: (volume) => Number(cloud.disks.filesOf(volume).get('counter') ?? 0),
    faults: {
      fly: () => [flyFaults(cloud, chance('fly'), REGIONS)],
      volumes: () => [volumeFaults(cloud, chance('volumes'), REGIONS)],
      operator: (controlPlanes) => [
        operator(cloud, chance('operator'), { apps, regions: REGIONS, controlPlanes }, foreign),
      ],
    },
    touched: () => Promise.resolve([...cloud.touched, ...destroyedForeigners(cloud, foreign)]),
    close: () => cloud.close(),
  }
}

const holdingsOf = ({ emulator }: Cloud) => ({
  machines: emulator.machines().map(({ destroyed, id, image, metadata, state, volume }) => ({
    id,
    state,
    destroyed,
    image,
    volume,
    controlPlane: metadata[CONTROL_PLANE_KEY],
    workspace: metadata[WORKSPACE_KEY],
  })),
  volumes: emulator
    .volumes()
    .map(({ id, name, state }) => ({ id, name, isDeleted: DELETED.includes(state) })),
})

/** Machines of others that are gone, although the operator of the run destroys none. */
function destroyedForeigners({ emulator }: Cloud, foreign: readonly string[]): Violation[] {
  const living = new Set(
    emulator
      .machines()
      .filter(({ destroyed }) => !destroyed)
      .map(({ id }) => id),
  )
  return foreign
    .filter((id) => !living.has(id))
    .map((id) => ({ kind: 'touched', what: `foreign machine ${id} was destroyed` }))
}
