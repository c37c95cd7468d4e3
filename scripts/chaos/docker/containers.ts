// A person with the docker command: kills, stops, pauses, starts, renames and removes containers by hand, keeps containers of other
// programs on the same daemon, and leaves containers with a control plane's labels that no workspace knows.
import { CONTROL_PLANE, WORKSPACE } from '../../../lib/provisioner/docker/labels.ts'
import type { Dockerd } from '../../../test/support/dockerd.ts'
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'
import { list, type Listed } from './list.ts'

const WEIGHTS = {
  kill: 4,
  stop: 3,
  pause: 3,
  unpause: 2,
  start: 2,
  restart: 2,
  rename: 1,
  remove: 4,
  foreign: 2,
  orphan: 2,
  clone: 2,
}

/** Containers that do nothing are not what the run is about. */
const MOST_FOREIGN = 8

/** @param foreign gets the ids of the containers of others that it creates */
export const containers = (
  dockerd: Dockerd,
  chance: Chance,
  { controlPlanes, image }: { controlPlanes: readonly string[]; image: string },
  foreign: string[],
): Fault => {
  return { name: 'containers', run }

  async function run(over: AbortSignal): Promise<number> {
    let actions = 0
    while (!over.aborted) {
      try {
        if (await act(chance.weighed(WEIGHTS))) actions++
      } catch {
        // The daemon is down, or the container has just changed.
      }
      await chance.pause(800, 2_500)
    }
    return actions
  }

  /** @returns whether it changed something */
  async function act(action: keyof typeof WEIGHTS): Promise<boolean> {
    const labelled = (await list(dockerd)).filter(({ Labels }) =>
      controlPlanes.includes(Labels[CONTROL_PLANE] ?? ''),
    )
    if (labelled.length === 0) return false
    const one = chance.pick(labelled)
    switch (action) {
      case 'foreign':
        if (foreign.length === MOST_FOREIGN) return false
        foreign.push(await make(foreignLabels(one)))
        return true
      case 'orphan':
        await make({ ...one.Labels, [WORKSPACE]: crypto.randomUUID() })
        return true
      case 'clone':
        await make(one.Labels)
        return true
      case 'remove':
        await dockerd.api('DELETE', `/containers/${one.Id}?force=1`)
        return true
      case 'rename':
        await dockerd.api('POST', `/containers/${one.Id}/rename?name=${byHand()}`)
        return true
      case 'stop':
      case 'restart':
        await dockerd.api('POST', `/containers/${one.Id}/${action}?t=5`)
        return true
      case 'kill':
      case 'pause':
      case 'unpause':
      case 'start':
        await dockerd.api('POST', `/containers/${one.Id}/${action}`)
        return true
    }
  }

  /** @returns its id */
  async function make(Labels: Record<string, string>): Promise<string> {
    const { Id } = (await dockerd.api('POST', `/containers/create?name=${byHand()}`, {
      Image: image,
      Cmd: ['/bin/sleep', '1000000'],
      Labels,
      StopTimeout: 1,
      HostConfig: { NetworkMode: 'none', Init: true },
    })) as { Id: string }
    await dockerd.api('POST', `/containers/${Id}/start`)
    return Id
  }

  /** No labels, other labels, or those of a control plane that is not part of the run. */
  function foreignLabels({ Labels }: Listed): Record<string, string> {
    return chance.pick<Record<string, string>>([
      {},
      { role: 'database' },
      { ...Labels, [CONTROL_PLANE]: crypto.randomUUID() },
    ])
  }
}

const byHand = () => `by-hand-${crypto.randomUUID().slice(0, 8)}`
