// `decide` repeated on a model of Fly until the workspace rests: it always ends with the machine that the status wants.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  allows,
  isTransient,
  STATUSES,
  TRANSITIONS,
  wantedMachine,
  type WorkspaceEvent,
} from '../../lib/lifecycle/lifecycle.ts'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import type { MachinePhase, Observed } from '../../lib/provisioner/provisioner.ts'
import { decide } from '../../lib/reconcile/decide.ts'
import { MAX_RECOVERIES, recoveriesOf } from '../../lib/reconcile/recoveries.ts'
import type { Step } from '../../lib/reconcile/step.ts'
import { NO_MACHINE } from '../../lib/reconcile/no-machine.ts'
import { applyToDisk, arbitraryDisk, attachDisk, type DiskModel } from './disk-model.ts'
import { LIVENESS, later, NOW, PHASES, present, workspace } from './decide-fixtures.ts'

// A small model: a provider with machines of unique names and with disks, and the writes of each step.
type Model = {
  row: Workspace
  machine:
    | { phase: MachinePhase; generation: number; id: string; crashed: boolean; requested: boolean }
    | undefined
  disks: DiskModel
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
    requested: fc.boolean(),
    onOutsideStop: fc.constantFrom('sleep', 'restart' as const),
    disk: arbitraryDisk,
    disks: fc.constantFrom('none', 'own', 'another'),
    onHostLoss: fc.constantFrom('wait', 'restore' as const),
    wakeAt: fc.option(fc.constantFrom(later(-1), later(300_000)), { nil: null }),
  })
  .map(
    ({
      status,
      generation,
      recoveries,
      known,
      phase,
      behind,
      alive,
      crashes,
      silent,
      requested,
      onOutsideStop,
      disk,
      disks,
      onHostLoss,
      wakeAt,
    }) => {
      const own = disks === 'none' ? null : disk.disk
      const machineGeneration = behind && generation > 1 ? generation - 1 : generation
      const exists = known !== 'nothing' && phase !== undefined
      return {
        row: workspace({
          status,
          generation,
          recoveries,
          onOutsideStop,
          onHostLoss,
          disk: own,
          diskId: own?.id ?? null,
          wakeAt,
          machineKeptUntil: status === 'failed' && requested ? later(600_000) : null,
          deadlineAt: isTransient(status) ? later(600_000) : null,
          lastHeartbeatAt: silent ? later(-LIVENESS.silenceMs) : null,
          ...(known === 'nothing'
            ? {}
            : {
                launchId: 'l',
                launchedAt: NOW,
                app: 'app',
                launchDisk: disks === 'another' ? 'older' : (own?.id ?? null),
              }),
          ...(known === 'stored' ? { machineId: 'm0', machineGeneration } : {}),
        }),
        machine: exists
          ? { phase, generation: machineGeneration, id: 'm0', crashed: false, requested }
          : undefined,
        disks: disk.model,
        alive,
        crashes,
        at: 0,
        made: exists ? 1 : 0,
      }
    },
  )

/** Applies a step as act.ts does. Returns false when the workspace rests. */
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
    case 'wait_for_machine':
      model.at += step.ms
      if (model.machine?.phase === 'busy') model.machine.phase = 'started'
      return true
    case 'launch':
      if (model.machine !== undefined && model.machine.phase !== 'gone') throw new Error('a second machine')
      if (!attachDisk(model)) return true
      model.made++
      model.machine = {
        phase: 'busy',
        generation: row.generation,
        id: `m${model.made}`,
        crashed: false,
        requested: false,
      }
      Object.assign(row, {
        launchId: 'l',
        launchDisk: row.diskId,
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
      Object.assign(model.machine, {
        phase: 'busy',
        generation: row.generation,
        crashed: false,
        requested: false,
      })
      row.machineGeneration = row.generation
      return true
    case 'start':
      if (model.machine === undefined) throw new Error('nothing to start')
      if (row.status === 'offline') row.recoveries++
      model.machine.phase = model.crashes-- > 0 ? 'stopped' : 'started'
      model.machine.crashed = model.machine.phase === 'stopped'
      model.machine.requested = false
      return true
    case 'stop':
    case 'suspend':
      if (model.machine === undefined) throw new Error('nothing to stop')
      model.machine.phase = step.do === 'stop' ? 'stopped' : 'suspended'
      model.machine.requested = true
      return true
    case 'wake':
      move('wake_requested', { deadlineAt: later(model.at + 600_000), lastHeartbeatAt: null, recoveries: 0 })
      return true
    case 'destroy':
      if (model.machine !== undefined) model.machine.phase = 'gone'
      return true
    case 'welcome_agent':
    case 'miss_agent':
      throw new Error('a step of workspaces without a machine')
    case 'check_agent':
      if (model.alive) return false
      move('agent_silent', { deadlineAt: later(model.at + 120_000) })
      return true
    case 'reboot':
      move('agent_lost', { ...recovering(), generation: row.generation + 1, lastHeartbeatAt: null })
      return true
    case 'undo_drift':
      move('drift_undone', { ...recovering(), generation: row.generation + 1, lastHeartbeatAt: null })
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
    case 'accept_stop':
      move('stop_accepted', { deadlineAt: null })
      return true
    case 'restore_disk':
      if (!applyToDisk(model, step)) move('gave_up', { deadlineAt: null })
      return true
    case 'create_disk':
    case 'find_disk':
    case 'take_snapshot':
    case 'move_disk':
    case 'delete_disk':
    case 'forget_disk':
      return applyToDisk(model, step)
    case 'give_up':
      move('gave_up', {
        deadlineAt: null,
        machineKeptUntil: row.launchId === null ? null : later(model.at + 600_000),
      })
      return true
  }
}

/** @returns whether the workspace rested */
function untilRest(model: Model): boolean {
  for (let steps = 0; steps < 400; steps++) {
    const { machine } = model
    const observed: Observed =
      machine === undefined || model.row.launchId === null
        ? { presence: 'absent' }
        : present(machine.phase, machine)
    if (!apply(model, decide(model.row, observed, later(model.at), LIVENESS))) return true
  }
  return false
}

function expectWantedMachine({ at, disks, machine, row }: Model): void {
  const wanted = wantedMachine(row, later(at))
  if (wanted === 'none') expect(machine === undefined || machine.phase === 'gone').toBe(true)
  if (wanted === 'started') expect(machine?.phase).toBe('started')
  if (wanted === 'stopped' || wanted === 'asleep')
    expect(['stopped', 'suspended', 'failed', 'gone', undefined]).toContain(machine?.phase)
  if (row.disk === null) return
  if (row.status === 'removed') expect(disks.volumes.has(row.disk.id)).toBe(false)
}

test('repeated decisions from any row and machine come to rest with the machine that the status wants', () => {
  fc.assert(
    fc.property(arbitraryModel, (model) => {
      const hasData = model.disks.volumes.get('d0')?.data === true
      expect(untilRest(model)).toBe(true)
      expect(isTransient(model.row.status)).toBe(false)
      expectWantedMachine(model)
      // What is kept of a failed workspace is removed when its time is over.
      model.at += 600_000
      expect(untilRest(model)).toBe(true)
      expectWantedMachine(model)
      // Only a removal deletes a disk with data.
      if (hasData && model.row.status !== 'removed') expect(model.disks.volumes.get('d0')?.data).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
