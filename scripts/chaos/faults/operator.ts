// A person with flyctl: stops, starts, restarts, updates and destroys machines by hand, keeps foreign machines in the same
// apps, and leaves machines with this control plane's labels that no workspace knows.
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

export type ManualChanges = {
  /** Machines of others. */
  foreign: string[]
  /** Machines with our labels and no workspace, created by hand. */
  orphans: string[]
  actions: number
}

export async function runOperator(
  cloud: Cloud,
  chance: Chance,
  options: { apps: readonly string[]; regions: readonly string[]; controlPlane: string; over: AbortSignal },
): Promise<ManualChanges> {
  const { apps, regions, controlPlane, over } = options
  const work: ManualChanges = { foreign: [], orphans: [], actions: 0 }
  while (!over.aborted) {
    await act(chance.weighed(WEIGHTS))
    await chance.pause(300, 1_500)
  }
  return work

  async function act(action: keyof typeof WEIGHTS): Promise<void> {
    const labelled = cloud.emulator
      .machines()
      .filter(({ destroyed, metadata }) => !destroyed && metadata[CONTROL_PLANE_KEY] === controlPlane)
    if (action === 'foreign') return record(work.foreign, await make(FOREIGN_IMAGE, foreignLabels()))
    if (action === 'orphan')
      return record(work.orphans, await make(FOREIGN_IMAGE, ourLabels(crypto.randomUUID())))
    if (labelled.length === 0) return
    const machine = chance.pick(labelled)
    // As `fly machine clone` does: the copy carries the same metadata and another name.
    if (action === 'clone') return record(work.orphans, await make(FOREIGN_IMAGE, { ...machine.metadata }))
    const { status } = await apply(action, machine)
    if (status >= 200 && status < 300) work.actions++
  }

  function apply(
    action: 'stop' | 'start' | 'restart' | 'suspend' | 'update' | 'destroy',
    machine: MachineSnapshot,
  ) {
    const path = `${machine.app}/machines/${machine.id}`
    if (action === 'destroy') return cloud.operate('DELETE', `${path}?force=true`)
    if (action === 'update') return updateByHand(path)
    return cloud.operate('POST', `${path}/${action}`, {})
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
    // The answer may be lost: what counts is whether the machine exists.
    return cloud.emulator.machines().find((machine) => machine.name === name)?.id
  }

  function record(list: string[], id: string | undefined): void {
    if (id === undefined) return
    list.push(id)
    work.actions++
  }

  function ourLabels(workspaceId: string): Record<string, string> {
    return {
      [CONTROL_PLANE_KEY]: controlPlane,
      [WORKSPACE_KEY]: workspaceId,
      generation: '1',
      launch_id: crypto.randomUUID(),
    }
  }

  /** No labels, other labels, or another control plane's labels in the same app. */
  function foreignLabels(): Record<string, string> {
    return chance.pick<Record<string, string>>([
      {},
      { role: 'database' },
      { ...ourLabels(crypto.randomUUID()), [CONTROL_PLANE_KEY]: crypto.randomUUID() },
    ])
  }
}
