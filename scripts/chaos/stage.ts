// Everything that a run needs: databases, the provider, control planes, and the kinds of load and of faults.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pace } from './clock.ts'
import { type ControlPlane, startEmbedded, startOnPostgres } from './control-plane.ts'
import { type Disk, mountDisk } from './disk.ts'
import { startDockerWorld } from './docker/docker-world.ts'
import { clocks } from './faults/clocks.ts'
import { startDatabaseRelay } from './faults/connections.ts'
import { diskFull } from './faults/disk-full.ts'
import { kills } from './faults/kills.ts'
import { migrateToVersionBefore, migrations } from './faults/migrations.ts'
import { postgresKill } from './faults/postgres-kill.ts'
import { startFlyWorld } from './fly-world.ts'
import { delegations } from './load/delegations.ts'
import { hooks } from './load/hooks.ts'
import { rollouts } from './load/rollouts.ts'
import { counters } from './load/counters.ts'
import { users } from './load/users.ts'
import { webhooks } from './load/webhooks.ts'
import type { Fault, Load } from './parts.ts'
import { createDatabase, startChaosPostgres, withDatabase } from './postgres.ts'
import { type Chance, chanceOf } from './random.ts'
import type { World } from './world.ts'

/** Faults of replicas and databases, whichever the provider is. */
const COMMON = ['kills', 'clocks', 'connections', 'migrations', 'postgres-kill', 'disk-full'] as const

/** The faults of a run, by its provider. */
export const FAULTS = {
  fly: ['fly', 'volumes', 'operator', ...COMMON],
  docker: ['containers', 'daemon', ...COMMON],
} as const

export type Backend = keyof typeof FAULTS

/** The control planes of a run, and the share of workspaces that each has. All use the same provider. */
export const CONTROL_PLANES = { first: 0.6, second: 0.25, embedded: 0.15 } as const

export type ControlPlaneName = keyof typeof CONTROL_PLANES

export type StageOptions = {
  backend: Backend
  workspaces: number
  seed: number
  /** How long the chaos lasts, in seconds of the clock of the run. */
  seconds: number
  pace: Pace
  faults: readonly string[]
  controlPlanes: readonly ControlPlaneName[]
  /** An empty Postgres database to use; without one a server is started. */
  database?: string | undefined
  report: (line: string) => void
}

export type Stage = {
  world: World
  controlPlanes: { controlPlane: ControlPlane; loads: Load[] }[]
  faults: Fault[]
  close(): Promise<void>
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const { backend, pace, report, seed, workspaces } = options
  const chance = (stream: string) => chanceOf(seed, stream)
  const wants = (fault: (typeof COMMON)[number]) => options.faults.includes(fault)
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const one of closers.toReversed()) await one()
  }
  try {
    const disks = wants('disk-full') ? mountDisks(report) : undefined
    if (disks !== undefined) closers.push(() => Object.values(disks).forEach((disk) => disk.remove()))
    const postgres =
      options.database === undefined ? await startChaosPostgres(disks?.postgres.directory) : undefined
    closers.push(() => postgres?.stop())
    const server = options.database ?? postgres?.url ?? ''
    const relay = await startDatabaseRelay(server)
    closers.push(() => relay.close())
    const world = await (backend === 'docker'
      ? startDockerWorld(chance)
      : startFlyWorld({ workspaces, seed, speed: pace.speed, chance }))
    closers.push(() => world.close())

    const start = async (name: ControlPlaneName): Promise<ControlPlane> => {
      const share = Math.ceil(workspaces * CONTROL_PLANES[name])
      const settings = { name, workspaces: share, world, pace }
      if (name === 'embedded') {
        const directory = mkdtempSync(join(disks?.embedded.directory ?? tmpdir(), 'chaos-data-'))
        closers.push(() => rmSync(directory, { recursive: true, force: true }))
        return startEmbedded(settings, directory)
      }
      const database = `${new URL(server).pathname.slice(1)}_${name}`
      const direct = await createDatabase(server, database, pace)
      const urls = { direct, replicas: withDatabase(relay.url, database) }
      const isOld = name === 'first' && wants('migrations')
      return startOnPostgres(settings, urls, ...(isOld ? [migrateToVersionBefore] : []))
    }
    const controlPlanes = await Promise.all(options.controlPlanes.map(start))
    closers.push(() => Promise.all(controlPlanes.map((controlPlane) => controlPlane.close())))

    const replicas = controlPlanes.flatMap((controlPlane) => controlPlane.replicas)
    const first = controlPlanes.find(({ name }) => name === 'first')
    const firstUrl = withDatabase(relay.url, `${new URL(server).pathname.slice(1)}_first`)
    const ids = controlPlanes.map(({ id }) => id)
    const common: Record<(typeof COMMON)[number], () => Fault[]> = {
      kills: () =>
        controlPlanes.map(({ isEmbedded, name, replicas: own }) =>
          kills(own, isEmbedded ? 'embedded' : 'postgres', chance(`kills ${name}`)),
        ),
      clocks: () => [clocks(replicas, chance('clocks'))],
      connections: () => [relay.fault(chance('connections'))],
      migrations: () => (first === undefined ? [] : [migrations(firstUrl, chance('migrations'))]),
      'postgres-kill': () => (postgres === undefined ? [] : [postgresKill(postgres, chance('postgres'))]),
      'disk-full': () => (disks === undefined ? [] : [diskFull(Object.values(disks), chance('disks'))]),
    }
    const all: World['faults'] = { ...common, ...world.faults }
    return {
      world,
      controlPlanes: controlPlanes.map((controlPlane) => {
        const { close: closeLoads, loads } = loadsOf(controlPlane, world, chance, options)
        closers.push(closeLoads)
        return { controlPlane, loads }
      }),
      faults: options.faults.flatMap((name) => all[name]?.(ids) ?? []),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function loadsOf(
  controlPlane: ControlPlane,
  world: World,
  chance: (stream: string) => Chance,
  { seconds }: StageOptions,
): { loads: Load[]; close: () => void } {
  const { name } = controlPlane
  const known: string[] = []
  const receivers = webhooks(controlPlane, chance(`webhooks ${name}`))
  return {
    loads: [
      users({ world, controlPlane, chance, createMs: seconds * 700 }, known),
      counters(controlPlane, world, chance, known),
      hooks(controlPlane, chance, known),
      delegations(controlPlane, world, chance(`delegations ${name}`), known),
      rollouts(controlPlane, world, chance(`rollouts ${name}`)),
      receivers,
    ],
    close: () => receivers.close(),
  }
}

/** One for Postgres and one for the embedded database. */
function mountDisks(report: (line: string) => void): { postgres: Disk; embedded: Disk } | undefined {
  const postgres = mountDisk()
  const embedded = mountDisk()
  if (typeof postgres !== 'string' && typeof embedded !== 'string') return { postgres, embedded }
  const refusal = [postgres, embedded].find((one) => typeof one === 'string')
  if (typeof postgres !== 'string') postgres.remove()
  report(`disk-full is skipped, because a disk cannot be mounted: ${refusal}`)
  return undefined
}
