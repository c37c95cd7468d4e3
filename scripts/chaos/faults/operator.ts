// A person with flyctl: stops, starts, restarts, updates and destroys machines by hand, keeps foreign machines in the same
// apps, and leaves machines with this control plane's labels that no workspace knows.
import type { MachineSnapshot } from '../../../lib/emulator/machines/snapshot.ts'
import { CONTROL_PLANE_KEY, WORKSPACE_KEY } from '../../../lib/provisioner/fly/labels.ts'
import { type Cloud, FOREIGN_IMAGE } from '../cloud.ts'
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'

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

/**
 * @param controlPlanes the ids in the labels of machines that it changes
 * @param foreign gets the ids of the machines of others that it creates
 */
export const operator = (
  cloud: Cloud,
  chance: Chance,
  options: { apps: readonly string[]; regions: readonly string[]; controlPlanes: readonly string[] },
  foreign: string[],
): Fault => ({ name: 'operator', run: (over) => runOperator(cloud, chance, options, foreign, over) })

async function runOperator(
  cloud: Cloud,
  chance: Chance,
  { apps, controlPlanes, regions }: Parameters<typeof operator>[2],
  foreign: string[],
  over: AbortSignal,
): Promise<number> {
  let actions = 0
  // One of each kind is there from the start, so that there is time to touch it.
  for (const labels of foreignLabels()) {
    while (!over.aborted && !(await makeForeign(labels))) await chance.pause(300, 1_500)
    actions++
  }
  while (!over.aborted) {
    if (await act(chance.weighed(WEIGHTS))) actions++
    await chance.pause(300, 1_500)
  }
  return actions

  /** @returns whether it changed something */
  async function act(action: keyof typeof WEIGHTS): Promise<boolean> {
    const labelled = cloud.emulator
      .machines()
      .filter(
        ({ destroyed, metadata }) => !destroyed && controlPlanes.includes(metadata[CONTROL_PLANE_KEY] ?? ''),
      )
    if (action === 'foreign') return makeForeign(chance.pick(foreignLabels()))
    if (action === 'orphan')
      return (await make(FOREIGN_IMAGE, labelsOf(chance.pick(controlPlanes)))) !== undefined
    if (labelled.length === 0) return false
    const machine = chance.pick(labelled)
    // As `fly machine clone` does: the copy carries the same metadata and another name.
    if (action === 'clone') return (await make(FOREIGN_IMAGE, { ...machine.metadata })) !== undefined
    const { status } = await apply(action, machine)
    return status >= 200 && status < 300
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

  async function makeForeign(labels: Record<string, string>): Promise<boolean> {
    const id = await make(FOREIGN_IMAGE, labels)
    if (id !== undefined) foreign.push(id)
    return id !== undefined
  }

  /** No labels, other labels, and those of a control plane that is not part of the run. */
  function foreignLabels(): Record<string, string>[] {
    return [{}, { role: 'database' }, labelsOf(crypto.randomUUID())]
  }
}

/** Those of a machine whose workspace no control plane knows. */
const labelsOf = (controlPlane: string): Record<string, string> => ({
  [CONTROL_PLANE_KEY]: controlPlane,
  [WORKSPACE_KEY]: crypto.randomUUID(),
  generation: '1',
  launch_id: crypto.randomUUID(),
})
