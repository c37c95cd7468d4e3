// The faults of Fly's volumes: lost and ambiguous answers, regions and hosts without room, hosts that are lost for a while with
// their volumes, slow volumes and snapshots, claims that stay, and lists that lag.
import type { FaultInput } from '../../../lib/emulator/faults/fault-kinds.ts'
import type { Cloud } from '../cloud.ts'
import type { Fault } from '../parts.ts'
import { type Chance, sleep } from '../random.ts'

const CALLS = [
  'volume.create',
  'volume.create',
  'volume.create',
  'volume.get',
  'volume.list',
  'volume.delete',
  'volume.extend',
  'snapshot.create',
  'snapshot.list',
] as const

/** How often each kind is chosen. */
const WEIGHTS = {
  'lose-reply': 6,
  ambiguous: 5,
  answer: 4,
  latency: 2,
  'new-volume': 3,
  'existing-volume': 4,
  'host-full': 5,
  'host-unreachable': 4,
  'slow-volume': 3,
  'slow-snapshot': 3,
  'late-detach': 4,
  'stale-volumes': 4,
  'extend-needs-restart': 1,
}

export const volumeFaults = ({ emulator }: Cloud, chance: Chance, regions: readonly string[]): Fault => ({
  name: 'volumes',
  async run(over) {
    let count = 0
    while (!over.aborted) {
      const fault = anyFault(emulator, chance, regions)
      if (fault !== undefined) {
        const id = emulator.faults.add(fault)
        count++
        void sleep(chance.between(500, 6_000)).then(() => emulator.faults.remove(id))
      }
      await chance.pause(1_000, 4_000)
    }
    return count
  },
})

function anyFault(
  { volumes }: Cloud['emulator'],
  chance: Chance,
  regions: readonly string[],
): FaultInput | undefined {
  const kind = chance.weighed(WEIGHTS)
  const action = chance.pick(CALLS)
  const times = chance.between(1, 3)
  const living = volumes().filter(({ state }) => state === 'created')
  const volume = living.length === 0 ? undefined : chance.pick(living).id
  switch (kind) {
    case 'lose-reply':
      return { kind, action, times }
    case 'ambiguous':
      return { kind, action, times, status: chance.pick([408, 500, 502, 503, 504]) }
    case 'answer':
      return { kind, action, status: chance.pick([408, 429, 500, 503]), probability: chance.pick([0.5, 1]) }
    case 'latency':
      return { kind, action, ms: chance.between(50, 2_500), times: times * 5 }
    case 'new-volume':
      return { kind: 'capacity', as: kind, region: chance.pick(regions), times }
    case 'existing-volume':
      return volume === undefined ? undefined : { kind: 'capacity', as: 'volume', volume, times }
    case 'host-full':
    case 'host-unreachable':
      return volume === undefined ? undefined : { kind, volume }
    case 'slow-volume':
    case 'slow-snapshot':
    case 'late-detach':
    case 'stale-volumes':
      return { kind, ms: chance.between(500, 6_000) }
    case 'extend-needs-restart':
      return { kind }
  }
}
