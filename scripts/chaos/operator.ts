// Somebody with flyctl: stops, starts, restarts, updates and destroys our machines by hand, keeps machines of their own in
// our apps, and leaves machines with our mark behind that no workspace knows.
import type { MachineSnapshot } from '../../lib/emulator/machines/snapshot.ts'
import { CONTROL_PLANE_KEY, WORKSPACE_KEY } from '../../lib/provisioner/fly/labels.ts'
import { type Cloud, FOREIGN_IMAGE } from './cloud.ts'
import type { Chance } from './random.ts'

const WEIGHTS = {
  stop: 4,
  start: 3,
  restart: 3,
  suspend: 2,
  update: 2,
  destroy: 4,
  foreign: 2,
  orphan: 2,
  clone: 2,
}

export type Handiwork = {
  /** Machines that are none of ours. */
  foreign: string[]
  /** Machines with our mark and no workspace, made by hand. */
  orphans: string[]
  actions: number
}

export async function meddle(
  cloud: Cloud,
  chance: Chance,
  options: { apps: readonly string[]; regions: readonly string[]; controlPlane: string; over: AbortSignal },
): Promise<Handiwork> {
  const { apps, regions, controlPlane, over } = options
  const work: Handiwork = { foreign: [], orphans: [], actions: 0 }
  while (!over.aborted) {
    await act(chance.weighed(WEIGHTS))
    await chance.pause(300, 1_500)
  }
  return work

  async function act(deed: keyof typeof WEIGHTS): Promise<void> {
    const ours = cloud.emulator
      .machines()
      .filter(({ destroyed, metadata }) => !destroyed && metadata[CONTROL_PLANE_KEY] === controlPlane)
    if (deed === 'foreign') return note(work.foreign, await make(FOREIGN_IMAGE, foreignMark()))
    if (deed === 'orphan') return note(work.orphans, await make(FOREIGN_IMAGE, ourMark(crypto.randomUUID())))
    if (ours.length === 0) return
    const machine = chance.pick(ours)
    // As `fly machine clone` does: the copy carries the same metadata and another name.
    if (deed === 'clone') return note(work.orphans, await make(FOREIGN_IMAGE, { ...machine.metadata }))
    const { status } = await turn(deed, machine)
    if (status >= 200 && status < 300) work.actions++
  }

  function turn(
    deed: 'stop' | 'start' | 'restart' | 'suspend' | 'update' | 'destroy',
    machine: MachineSnapshot,
  ) {
    const path = `${machine.app}/machines/${machine.id}`
    if (deed === 'destroy') return cloud.operate('DELETE', `${path}?force=true`)
    if (deed === 'update') return updateByHand(path)
    return cloud.operate('POST', `${path}/${deed}`, {})
  }

  async function updateByHand(path: string) {
    const { body } = await cloud.operate('GET', path)
    const { config } = (body ?? {}) as { config?: { env?: Record<string, string> } | null }
    if (config == null) return { status: 0 }
    return cloud.operate('POST', path, { config: { ...config, env: { ...config.env, BY_HAND: '1' } } })
  }

  async function make(image: string, metadata: Record<string, string>): Promise<string | undefined> {
    const name = `by-hand-${crypto.randomUUID().slice(0, 8)}`
    const app = chance.pick(apps)
    const guest = { cpu_kind: 'shared', cpus: 1, memory_mb: 256 }
    await cloud.operate('POST', `${app}/machines`, {
      name,
      region: chance.pick(regions),
      config: { image, guest, metadata },
    })
    // Its answer may have been lost: what counts is whether it is there.
    return cloud.emulator.machines().find((machine) => machine.name === name)?.id
  }

  function note(list: string[], id: string | undefined): void {
    if (id === undefined) return
    list.push(id)
    work.actions++
  }

  function ourMark(workspaceId: string): Record<string, string> {
    return {
      [CONTROL_PLANE_KEY]: controlPlane,
      [WORKSPACE_KEY]: workspaceId,
      generation: '1',
      launch_id: crypto.randomUUID(),
    }
  }

  /** Nothing at all, somebody's own words, or another control plane's mark in the same app. */
  function foreignMark(): Record<string, string> {
    return chance.pick<Record<string, string>>([
      {},
      { role: 'database' },
      { ...ourMark(crypto.randomUUID()), [CONTROL_PLANE_KEY]: crypto.randomUUID() },
    ])
  }
}
