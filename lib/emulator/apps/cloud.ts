// The apps, machines and volumes of the organization: lookup by name and id, names that are taken, and recovery after a
// restart.

import { availableSecrets } from './app-secrets.ts'
import { FlyError } from '../shared/fly-error.ts'
import { appId } from '../shared/ids.ts'
import { createToken } from '../shared/macaroon.ts'
import { MachineRunner } from '../machines/machine-runner.ts'
import type { StoredRecords } from '../store/memory-store.ts'
import type { AppRecord, MachineRecord, SecretRecord } from '../store/records.ts'
import type { Runtime } from '../machines/runtime.ts'
import { createHosts } from '../volumes/hosts.ts'
import type { HostCapacity } from '../volumes/hosts.ts'
import { createVolumes } from '../volumes/volumes.ts'
import type { Volumes } from '../volumes/volumes.ts'

/** Machines that boot at the same time after a restart of the emulator. */
const RECOVERIES_AT_ONCE = 2
/** How long destroyed machines are kept across restarts. Fly's own time is not known (docs/facts/fly.md §13). */
const DESTROYED_KEPT_MS = 7 * 24 * 3_600_000

export type Cloud = {
  runtime: Runtime
  volumes: Volumes
  /** @throws FlyError 422 `name_taken`, or for an invalid name */
  createApp: (name: string, network?: string) => AppRecord
  findApp: (name: string) => AppRecord | undefined
  /** @throws FlyError 404, or 403 when the app belongs to another organization (docs/facts/fly.md §1.2) */
  getApp: (name: string) => AppRecord
  apps: () => AppRecord[]
  /** Destroys the machines and volumes of the app and then removes the app. Settles when that is done. */
  deleteApp: (app: AppRecord) => Promise<void>
  /** Whether an app of this name could be created: names are unique among all organizations. */
  isNameFree: (name: string) => boolean
  /** A new token for this app only, with its scheme: `FlyV1 …`. */
  createDeployToken: (app: AppRecord) => string
  addMachine: (record: MachineRecord) => MachineRunner
  /** @throws FlyError 404 */
  getMachine: (app: AppRecord, id: string) => MachineRunner
  /** A machine of any app, also one that faults hide. */
  findMachine: (id: string) => MachineRunner | undefined
  /** All machines of one app, oldest first, with destroyed ones. */
  machinesOf: (app: AppRecord) => MachineRunner[]
  /** All machines, oldest first, with destroyed ones. */
  allMachines: () => MachineRunner[]
  /** Boots the machines that ran before a restart of the emulator. Settles when all have reached a lasting state. */
  recover: () => Promise<void>
}

export function createCloud(
  runtime: Runtime,
  loaded: StoredRecords,
  foreignApps: string[],
  hostCapacity: HostCapacity,
): Cloud {
  const apps = new Map(loaded.apps.map((app) => [app.name, app]))
  function bootSecrets(name: string): Record<string, SecretRecord> {
    const app = apps.get(name)
    if (app === undefined) return {}
    return availableSecrets(app, runtime.now(), runtime.faults.secretsLag(name)).secrets
  }
  const runnerOf = (record: MachineRecord) =>
    new MachineRunner(runtime, record, {
      secrets: () => bootSecrets(record.app),
      hasRoom: (changed) => volumes.hosts.hasRoomFor(changed),
      released: (afterMs) => volumes.release(record.id, afterMs),
    })
  const byAge = (a: { createdAt: number; id: string }, b: typeof a): number =>
    a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)
  const isForgotten = (record: MachineRecord): boolean =>
    record.state === 'destroyed' && runtime.now() - record.updatedAt > DESTROYED_KEPT_MS
  for (const record of loaded.machines.filter(isForgotten)) runtime.journal.machineRemoved(record.id)
  const machines = new Map(
    loaded.machines
      .filter((record) => !isForgotten(record))
      .toSorted(byAge)
      .map((record) => [record.id, runnerOf(record)]),
  )
  const volumes = createVolumes(runtime, loaded.volumes, (all) =>
    createHosts(hostCapacity, runtime.faults, {
      machines: () => [...machines.values()].map(({ record }) => record),
      volumes: all,
    }),
  )
  // A map keeps the order in which machines were added.
  const allMachines = (): MachineRunner[] => [...machines.values()]
  const machinesOf = (app: AppRecord): MachineRunner[] =>
    allMachines().filter(({ record }) => record.appId === app.id)

  const isNameFree = (name: string): boolean => !apps.has(name) && !foreignApps.includes(name)

  async function deleteApp(app: AppRecord): Promise<void> {
    app.deleting = true
    runtime.journal.app(app)
    await Promise.all(machinesOf(app).map((runner) => runner.destroy('user')))
    await volumes.removeAll(app)
    apps.delete(app.name)
    runtime.journal.appRemoved(app.name)
  }

  return {
    runtime,
    volumes,
    createApp(name, network) {
      if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
        throw new FlyError(
          422,
          'Validation failed: Name may only contain numbers, lowercase letters and dashes',
        )
      }
      if (!isNameFree(name)) {
        throw new FlyError(422, 'Validation failed: Name has already been taken', { code: 'name_taken' })
      }
      const app: AppRecord = {
        id: appId(),
        numericId: 1000 + apps.size,
        name,
        network: network ?? 'default',
        createdAt: runtime.now(),
        ips: [],
        deployTokens: [],
        deleting: false,
      }
      apps.set(name, app)
      runtime.journal.app(app)
      return app
    },
    findApp: (name) => apps.get(name),
    getApp(name) {
      const app = apps.get(name)
      if (app !== undefined) return app
      if (foreignApps.includes(name)) throw new FlyError(403, 'You do not have access to this app')
      throw new FlyError(404, 'app not found')
    },
    apps: () => [...apps.values()].toSorted(byAge),
    deleteApp,
    isNameFree,
    createDeployToken(app) {
      const token = createToken()
      app.deployTokens.push(token)
      runtime.journal.app(app)
      return `FlyV1 ${token}`
    },
    addMachine(record) {
      const runner = runnerOf(record)
      machines.set(record.id, runner)
      return runner
    },
    getMachine(app, id) {
      const runner = machines.get(id)
      if (
        runner === undefined ||
        runner.record.appId !== app.id ||
        runtime.faults.hiddenFromGets(runner.record)
      ) {
        throw new FlyError(404, 'machine not found')
      }
      return runner
    },
    findMachine: (id) => machines.get(id),
    machinesOf,
    allMachines,
    async recover() {
      const queue = allMachines()
      volumes.recover((id) => machines.get(id)?.isGone === false)
      for (const runner of queue) runner.lostMemory()
      const work = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next.recover()
      }
      await Promise.all(Array.from({ length: RECOVERIES_AT_ONCE }, work))
      await Promise.all([...apps.values()].filter((app) => app.deleting).map(deleteApp))
    },
  }
}
