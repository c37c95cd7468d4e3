import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MachinePhase, Observed } from '../../lib/provisioner/provisioner.ts'
import {
  ABSENCE_MS,
  decide,
  MAX_RECOVERIES,
  recoveriesOf,
  SILENCE_MS,
  type Step,
} from '../../lib/reconcile/decide.ts'
import {
  allows,
  isTransient,
  STATUSES,
  TRANSITIONS,
  WANTED_MACHINE,
  type WorkspaceEvent,
} from '../../lib/lifecycle/lifecycle.ts'
import { NO_MACHINE } from '../../lib/reconcile/launch.ts'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const later = (ms: number) => new Date(NOW.getTime() + ms)

function workspace(over: Partial<Workspace> = {}): Workspace {
  return {
    id: 'w',
    name: 'w',
    role: null,
    runtime: 'hermes',
    tier: 2,
    regions: ['ord'],
    model: null,
    parentId: null,
    env: {},
    config: {},
    image: null,
    idleMinutes: null,
    specVersion: 1,
    status: 'provisioning',
    statusChangedAt: NOW,
    reason: null,
    generation: 1,
    deadlineAt: later(600_000),
    ...NO_MACHINE,
    machineState: null,
    machineRegion: null,
    machineImage: null,
    machineSeenAt: null,
    recoveries: 0,
    agentCard: null,
    agentUrl: null,
    registeredAt: null,
    lastHeartbeatAt: null,
    activeTasks: 0,
    currentTask: '',
    errorRate: 0,
    sampleError: '',
    uptimeSeconds: 0,
    lastActiveAt: null,
    lastFailure: null,
    idempotencyKey: null,
    idempotencyFingerprint: null,
    idempotencyAnswer: null,
    nextCheckAt: NOW,
    leaseId: null,
    leasedUntil: null,
    attempts: 0,
    createdAt: NOW,
    updatedAt: NOW,
    readyAt: null,
    removedAt: null,
    ...over,
  }
}

const PHASES: MachinePhase[] = ['busy', 'started', 'stopped', 'suspended', 'failed', 'gone', 'unknown']

function present(
  phase: MachinePhase,
  over: { id?: string; generation?: number; crashed?: boolean } = {},
): Observed {
  return {
    presence: 'present',
    machine: {
      id: over.id ?? 'm1',
      app: 'app',
      phase,
      state: phase === 'gone' ? 'destroyed' : phase,
      region: 'ord',
      image: 'image',
      labels: { workspaceId: 'w', generation: over.generation ?? 1, launchId: 'l', controlPlane: 'c' },
      exit: over.crashed === true ? { exitCode: 1, oomKilled: false, requested: false, at: NOW } : undefined,
      trouble: undefined,
    },
  }
}

const UNKNOWN: Observed = {
  presence: 'unknown',
  problem: { code: 'provider_unreachable', message: 'no answer', hint: 'wait', retryable: true },
}
const launched = { launchId: 'l', launchedAt: NOW, app: 'app', machineId: 'm1', machineGeneration: 1 }

describe('one decision', () => {
  test.each<[string, Partial<Workspace>, Observed, Step['do']]>([
    ['a new workspace is launched', {}, { presence: 'absent' }, 'launch'],
    [
      'a launch without an answer is looked for before it is repeated',
      { launchId: 'l', launchedAt: NOW },
      { presence: 'absent' },
      'suspect_absent',
    ],
    ['a machine that was found is adopted', { launchId: 'l', launchedAt: NOW }, present('busy'), 'adopt'],
    ['a machine between states is waited for', launched, present('busy'), 'settle'],
    ['a machine that runs is asked for its agent', launched, present('started'), 'probe'],
    [
      'a machine of an older generation is updated',
      { ...launched, generation: 2 },
      present('started'),
      'update',
    ],
    ['a machine that was left stopped by an update is started', launched, present('stopped'), 'start'],
    [
      'a machine that crashed while it was provisioned is given up',
      launched,
      present('stopped', { crashed: true }),
      'give_up',
    ],
    ['a machine that failed is given up', launched, present('failed'), 'give_up'],
    ['a failed machine gets a newer generation', { ...launched, generation: 2 }, present('failed'), 'update'],
    ['a deadline ends provisioning', { ...launched, deadlineAt: NOW }, present('started'), 'give_up'],
    [
      'a deadline ends provisioning even when Fly is silent',
      { ...launched, deadlineAt: NOW },
      UNKNOWN,
      'give_up',
    ],
    ['a silent Fly means waiting', launched, UNKNOWN, 'wait'],
    ['a silent host means waiting', launched, present('unknown'), 'wait'],
    ['a ready workspace rests', { ...launched, status: 'ready' }, present('started'), 'rest'],
    ['a ready workspace does not die of a silent Fly', { ...launched, status: 'ready' }, UNKNOWN, 'wait'],
    [
      'a ready workspace whose machine stopped goes offline',
      { ...launched, status: 'ready' },
      present('stopped'),
      'go_offline',
    ],
    [
      'an offline workspace is started',
      { ...launched, status: 'offline' },
      present('stopped', { crashed: true }),
      'start',
    ],
    [
      'a crash that repeats is given a pause',
      { ...launched, status: 'offline', recoveries: 2 },
      present('stopped', { crashed: true }),
      'wait',
    ],
    [
      'a silent agent is asked',
      { ...launched, status: 'ready', lastHeartbeatAt: later(-SILENCE_MS) },
      present('started'),
      'check_agent',
    ],
    ['an agent that never beat is left alone', { ...launched, status: 'ready' }, present('started'), 'rest'],
    [
      'an agent that does not come back gets a fresh boot',
      { ...launched, status: 'offline', deadlineAt: NOW },
      present('started'),
      'reboot',
    ],
    [
      'a fresh boot is not tried for ever',
      { ...launched, status: 'offline', deadlineAt: NOW, recoveries: MAX_RECOVERIES },
      present('started'),
      'give_up',
    ],
    [
      'another region means another machine',
      { ...launched, generation: 2, regions: ['fra'] },
      present('started'),
      'destroy',
    ],
    [
      'a hibernated workspace is suspended',
      { ...launched, status: 'hibernated' },
      present('started'),
      'suspend',
    ],
    ['a hibernated workspace sleeps on', { ...launched, status: 'hibernated' }, present('suspended'), 'rest'],
    [
      'recoveries are bounded',
      { ...launched, status: 'offline', recoveries: MAX_RECOVERIES },
      present('stopped'),
      'give_up',
    ],
    [
      'one absence is not believed',
      { ...launched, status: 'ready' },
      { presence: 'absent' },
      'suspect_absent',
    ],
    [
      'an absence that lasts is',
      { ...launched, status: 'ready', absentSince: later(-ABSENCE_MS) },
      { presence: 'absent' },
      'replace',
    ],
    ['a destroyed machine is replaced', { ...launched, status: 'ready' }, present('gone'), 'replace'],
    [
      'a removed workspace destroys its machine',
      { ...launched, status: 'removed' },
      present('started'),
      'destroy',
    ],
    [
      'a removed workspace finds the machine of a lost answer',
      { launchId: 'l', launchedAt: NOW, status: 'removed' },
      present('started'),
      'adopt',
    ],
    [
      'a removed workspace outwaits a lost create',
      { launchId: 'l', launchedAt: NOW, status: 'removed', absentSince: later(-ABSENCE_MS) },
      { presence: 'absent' },
      'suspect_absent',
    ],
    [
      'a removed workspace forgets a machine that is gone',
      { ...launched, status: 'removed' },
      present('gone'),
      'forget_machine',
    ],
    ['a removed workspace without a machine rests', { status: 'removed' }, { presence: 'absent' }, 'rest'],
    [
      'a failed workspace lets go of its machine',
      { ...launched, status: 'failed' },
      present('started'),
      'destroy',
    ],
    ['a paused workspace stops its machine', { ...launched, status: 'paused' }, present('started'), 'stop'],
    [
      'a paused workspace with a stopped machine rests',
      { ...launched, status: 'paused' },
      present('stopped'),
      'rest',
    ],
  ])('%s', (_sentence, over, observed, expected) => {
    expect(decide(workspace(over), observed, NOW).do).toBe(expected)
  })

  const REFUSED = { code: 'rate_limited', message: 'Fly limits it.', hint: 'wait' }
  test.each<[string, Observed, Partial<Workspace>, string]>([
    ['that is not there', { presence: 'absent' }, {}, 'never_launched'],
    ['that Fly refused to make', { presence: 'absent' }, { reason: REFUSED }, 'rate_limited'],
    ['that nobody can ask for', UNKNOWN, { reason: REFUSED }, 'provider_unreachable'],
    ['that has not started', present('busy'), { reason: REFUSED }, 'never_started'],
    ['that is not back', present('busy'), { status: 'offline', reason: REFUSED }, 'rate_limited'],
    ['that crashes while it starts', present('busy', { crashed: true }), { reason: REFUSED }, 'crashed'],
    ['that runs without its agent', present('started'), { reason: REFUSED }, 'never_registered'],
    ['that runs without its agent listening', present('started'), { registeredAt: NOW }, 'never_listened'],
    ['that was not updated', present('started'), { generation: 2 }, 'never_updated'],
    ['that Fly refused to update', present('started'), { generation: 2, reason: REFUSED }, 'rate_limited'],
    ['that is stopped', present('stopped'), {}, 'never_started'],
    ['that Fly refused to start', present('suspended'), { reason: REFUSED }, 'rate_limited'],
    ['that failed', present('failed'), { reason: REFUSED }, 'machine_failed'],
    ['that was destroyed', present('gone'), { reason: REFUSED }, 'machine_gone'],
    ['whose host does not answer', present('unknown'), { reason: REFUSED }, 'host_unreachable'],
  ])('time is up for a machine %s: the reason says so, and a way out', (_, observed, over, code) => {
    const step = decide(workspace({ ...launched, deadlineAt: NOW, ...over }), observed, NOW)
    const words = expect.stringMatching(/\S/) as string
    expect(step).toMatchObject({ do: 'give_up', reason: { code, message: words, hint: words } })
  })
})

// A small model of the outside: a provider with machines of unique names, and the writes that each step makes.
type Model = {
  row: Workspace
  machine: { phase: MachinePhase; generation: number; id: string; crashed: boolean } | undefined
  /** Whether the agent ever answers. */
  alive: boolean
  /** How many starts still end in a crash. */
  crashes: number
  at: number
  made: number
}

const arbitraryModel: fc.Arbitrary<Model> = fc
  .record({
    status: fc.constantFrom(...STATUSES),
    generation: fc.integer({ min: 1, max: 3 }),
    recoveries: fc.integer({ min: 0, max: MAX_RECOVERIES }),
    known: fc.constantFrom('nothing', 'launched', 'stored' as const),
    phase: fc.option(fc.constantFrom(...PHASES.filter((phase) => phase !== 'unknown')), { nil: undefined }),
    behind: fc.boolean(),
    alive: fc.boolean(),
    crashes: fc.integer({ min: 0, max: 8 }),
    silent: fc.boolean(),
  })
  .map(({ status, generation, recoveries, known, phase, behind, alive, crashes, silent }) => {
    const machineGeneration = behind && generation > 1 ? generation - 1 : generation
    const exists = known !== 'nothing' && phase !== undefined
    return {
      row: workspace({
        status,
        generation,
        recoveries,
        deadlineAt: isTransient(status) ? later(600_000) : null,
        lastHeartbeatAt: silent ? later(-SILENCE_MS) : null,
        ...(known === 'nothing' ? {} : { launchId: 'l', launchedAt: NOW, app: 'app' }),
        ...(known === 'stored' ? { machineId: 'm0', machineGeneration } : {}),
      }),
      machine: exists ? { phase, generation: machineGeneration, id: 'm0', crashed: false } : undefined,
      alive,
      crashes,
      at: 0,
      made: exists ? 1 : 0,
    }
  })

/** Applies a step as act.ts would. Returns false when the workspace rests. */
function apply(model: Model, step: Step): boolean {
  const { row } = model
  const move = (event: WorkspaceEvent, over: Partial<Workspace> = {}) => {
    if (!allows(row.status, event)) throw new Error(`${event} has no meaning for ${row.status}`)
    Object.assign(row, over, { status: TRANSITIONS[event].to, statusChangedAt: later(model.at) })
  }
  const recovering = () => ({
    recoveries: recoveriesOf(row, later(model.at)) + 1,
    deadlineAt: later(model.at + 600_000),
  })
  switch (step.do) {
    case 'rest':
      return false
    case 'wait':
    case 'settle':
      model.at += step.ms
      if (model.machine?.phase === 'busy') model.machine.phase = 'started'
      return true
    case 'launch':
      if (model.machine !== undefined && model.machine.phase !== 'gone') throw new Error('a second machine')
      model.made++
      model.machine = { phase: 'busy', generation: row.generation, id: `m${model.made}`, crashed: false }
      Object.assign(row, {
        launchId: 'l',
        launchedAt: later(model.at),
        app: 'app',
        machineId: model.machine.id,
        machineGeneration: row.generation,
        absentSince: null,
      })
      return true
    case 'adopt':
      Object.assign(row, {
        machineId: step.machine.id,
        machineGeneration: step.machine.labels?.generation,
        absentSince: null,
      })
      return true
    case 'update':
      if (model.machine === undefined) throw new Error('an update of nothing')
      Object.assign(model.machine, { phase: 'busy', generation: row.generation, crashed: false })
      row.machineGeneration = row.generation
      return true
    case 'start':
      if (model.machine === undefined) throw new Error('nothing to start')
      if (row.status === 'offline') row.recoveries++
      model.machine.phase = model.crashes-- > 0 ? 'stopped' : 'started'
      model.machine.crashed = model.machine.phase === 'stopped'
      return true
    case 'stop':
    case 'suspend':
      if (model.machine === undefined) throw new Error('nothing to stop')
      model.machine.phase = step.do === 'stop' ? 'stopped' : 'suspended'
      return true
    case 'destroy':
      if (model.machine !== undefined) model.machine.phase = 'gone'
      return true
    case 'check_agent':
      if (model.alive) return false
      move('agent_silent', { deadlineAt: later(model.at + 120_000) })
      return true
    case 'reboot':
      move('agent_lost', { ...recovering(), generation: row.generation + 1, lastHeartbeatAt: null })
      return true
    case 'probe':
      if (!model.alive) {
        model.at += 30_000
        return true
      }
      move('agent_answered', { readyAt: later(model.at), deadlineAt: null })
      return true
    case 'suspect_absent':
      row.absentSince ??= later(model.at)
      model.at += step.ms
      return true
    case 'forget_machine':
      Object.assign(row, NO_MACHINE)
      model.machine = undefined
      return true
    case 'replace':
      move('machine_lost', { ...NO_MACHINE, ...recovering(), generation: row.generation + 1 })
      model.machine = undefined
      return true
    case 'go_offline':
      move('machine_stopped', {
        recoveries: recoveriesOf(row, later(model.at)),
        deadlineAt: later(model.at + 600_000),
      })
      return true
    case 'give_up':
      move('gave_up', { deadlineAt: null })
      return true
  }
}

test('repeated decisions from any row and machine come to rest with the machine that the status wants', () => {
  fc.assert(
    fc.property(arbitraryModel, (model) => {
      let moving = true
      for (let steps = 0; moving && steps < 400; steps++) {
        const { machine } = model
        const observed: Observed =
          machine === undefined || model.row.launchId === null
            ? { presence: 'absent' }
            : present(machine.phase, machine)
        moving = apply(model, decide(model.row, observed, later(model.at)))
      }
      expect(moving).toBe(false)
      expect(isTransient(model.row.status)).toBe(false)
      const wanted = WANTED_MACHINE[model.row.status]
      const { machine } = model
      if (wanted === 'none') expect(machine === undefined || machine.phase === 'gone').toBe(true)
      if (wanted === 'started') expect(machine?.phase).toBe('started')
      if (wanted === 'stopped')
        expect(['stopped', 'suspended', 'failed', undefined]).toContain(machine?.phase)
    }),
    { numRuns: 2000 },
  )
})
