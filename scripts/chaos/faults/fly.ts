// The faults of Fly, of every kind that the emulator knows.
import type { FaultInput } from '../../../lib/emulator/faults/fault-kinds.ts'
import type { Cloud } from '../cloud.ts'
import type { Fault } from '../parts.ts'
import { type Chance, sleep } from '../random.ts'

const WRITES = ['create', 'update', 'start', 'stop', 'suspend', 'delete'] as const
const CALLS = [...WRITES, 'get', 'list', 'wait'] as const

/** How often each kind is chosen. */
const WEIGHTS = {
  'lose-reply': 5,
  ambiguous: 5,
  answer: 5,
  'answer-proxy': 1,
  latency: 3,
  'latency-proxy': 1,
  capacity: 4,
  'host-unreachable': 3,
  'boot-crash': 2,
  'out-of-memory': 3,
  'port-closed': 2,
  'stale-list': 2,
  'late-get': 2,
}

/** Faults in force at the same time, at most. */
const MOST_AT_ONCE = 5

export const flyFaults = (cloud: Cloud, chance: Chance, regions: readonly string[]): Fault => ({
  name: 'fly',
  run: (over) => runSchedule(cloud, chance, regions, over),
})

async function runSchedule(
  { emulator }: Cloud,
  chance: Chance,
  regions: readonly string[],
  over: AbortSignal,
): Promise<number> {
  const { faults } = emulator
  let count = 0
  while (!over.aborted) {
    if (faults.list().length < MOST_AT_ONCE) {
      const fault = anyFault(emulator.machines, chance, regions)
      if (fault !== undefined && put(fault)) count++
    }
    await chance.pause(250, 1_400)
  }
  faults.clear()
  return count

  function put(fault: FaultInput): boolean {
    let id: string
    try {
      id = faults.add(fault)
    } catch {
      // Out of memory strikes a running machine, and this one has just stopped.
      return false
    }
    void sleep(chance.between(500, 6_000)).then(() => faults.remove(id))
    return true
  }
}

function anyFault(
  machines: Cloud['emulator']['machines'],
  chance: Chance,
  regions: readonly string[],
): FaultInput | undefined {
  const kind = chance.weighed(WEIGHTS)
  const write = `machine.${chance.pick(WRITES)}`
  const call = `machine.${chance.pick(CALLS)}`
  const times = chance.between(1, 4)
  const living = machines().filter(({ destroyed }) => !destroyed)
  const machine = living.length === 0 ? undefined : chance.pick(living).id
  switch (kind) {
    case 'lose-reply':
      return { kind, action: chance.hit(0.8) ? write : call, times }
    case 'ambiguous':
      return { kind, action: write, times, status: chance.pick([408, 500, 502, 503, 504]) }
    case 'answer':
      return {
        kind,
        action: chance.hit(0.15) ? '*' : call,
        status: chance.pick([408, 429, 500, 502, 503]),
        probability: chance.pick([0.3, 0.6, 1]),
      }
    case 'answer-proxy':
      return { kind: 'answer', action: 'proxy', status: chance.pick([502, 503]), probability: 0.5 }
    case 'latency':
      // Sometimes longer than the client waits.
      return chance.hit(0.2)
        ? { kind, action: call, ms: 20_000, times: 1 }
        : { kind, action: chance.hit(0.3) ? '*' : call, ms: chance.between(50, 2_500), times: times * 5 }
    case 'latency-proxy':
      return { kind: 'latency', action: 'proxy', ms: chance.between(50, 3_000), times: times * 5 }
    case 'capacity': {
      const as = chance.pick([
        'region',
        'region',
        'region-aborted',
        'volume',
        'host',
        'host',
        'quota',
      ] as const)
      return { kind, as, region: chance.pick(regions), times: as === 'quota' ? 1 : times }
    }
    case 'boot-crash':
      return { kind, times: chance.between(1, 5), exitCode: chance.pick([1, 3, 137]) }
    case 'stale-list':
      return { kind, ms: chance.between(500, 8_000) }
    case 'late-get':
      return { kind, ms: chance.between(500, 8_000) }
    case 'host-unreachable':
    case 'out-of-memory':
    case 'port-closed':
      return machine === undefined ? undefined : { kind, machine }
  }
}
