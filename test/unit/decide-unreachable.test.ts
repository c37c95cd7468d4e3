// `decide` while the host of a machine does not answer.
import { expect, test } from 'vitest'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import { decide } from '../../lib/reconcile/decide.ts'
import type { Step } from '../../lib/reconcile/step.ts'
import { LIVENESS, later, NOW, present, workspace } from './decide-fixtures.ts'
import { disk } from './disk-model.ts'

const launched = { launchId: 'l', launchedAt: NOW, app: 'app', machineId: 'm1', machineGeneration: 1 }

test.each<[string, Partial<Workspace>, Step['do']]>([
  [
    'a ready workspace waits for a host that has not answered for a moment',
    { ...launched, status: 'ready', unreachableSince: later(-1_000) },
    'wait',
  ],
  [
    'a ready workspace goes offline when its host has not answered for long',
    { ...launched, status: 'ready', unreachableSince: later(-LIVENESS.hostUnreachableMs) },
    'go_offline',
  ],
  [
    'an offline workspace waits for its unreachable host without a deadline',
    { ...launched, status: 'offline', deadlineAt: null, unreachableSince: later(-10 * 86_400_000) },
    'wait',
  ],
  [
    'a workspace that is being started waits for the host of its disk, also after its deadline',
    {
      ...launched,
      disk: disk(),
      deadlineAt: NOW,
      unreachableSince: later(-LIVENESS.hostUnreachableMs),
    },
    'wait',
  ],
  [
    'an offline workspace waits for the host of its disk, also after its deadline',
    { ...launched, status: 'offline', disk: disk(), deadlineAt: NOW, unreachableSince: later(-1_000) },
    'wait',
  ],
  [
    'the disk on a host that has not answered for long enough is restored where the workspace allows it, also after its deadline',
    {
      ...launched,
      disk: disk(),
      diskId: 'd0',
      onHostLoss: 'restore',
      deadlineAt: NOW,
      unreachableSince: later(-LIVENESS.hostLossMs),
    },
    'restore_disk',
  ],
])('%s', (_sentence, over, expected) => {
  expect(decide(workspace(over), present('unknown'), NOW, LIVENESS).do).toBe(expected)
})
