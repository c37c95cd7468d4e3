// `decide`, one step at a time: from a row and an observation to the step.
import { describe, expect, test } from 'vitest'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import type { Observed } from '../../lib/provisioner/provisioner.ts'
import { decide } from '../../lib/reconcile/decide.ts'
import { ABSENCE_MS } from '../../lib/reconcile/observation.ts'
import { MAX_RECOVERIES } from '../../lib/reconcile/recoveries.ts'
import type { Step } from '../../lib/reconcile/step.ts'
import { LIVENESS, later, NOW, present, workspace } from './decide-fixtures.ts'

const UNKNOWN: Observed = {
  presence: 'unknown',
  problem: { code: 'provider_unreachable', message: 'no answer', hint: 'wait', retryable: true },
}
const launched = { launchId: 'l', launchedAt: NOW, app: 'app', machineId: 'm1', machineGeneration: 1 }

describe('one step of decide', () => {
  test.each<[string, Partial<Workspace>, Observed, Step['do']]>([
    ['a new workspace is launched', {}, { presence: 'absent' }, 'launch'],
    [
      'a launch without an answer is searched before it is repeated',
      { launchId: 'l', launchedAt: NOW },
      { presence: 'absent' },
      'suspect_absent',
    ],
    ['a machine that was found is adopted', { launchId: 'l', launchedAt: NOW }, present('busy'), 'adopt'],
    ['a machine between states is waited for', launched, present('busy'), 'wait_for_machine'],
    ['a running machine is probed for its agent', launched, present('started'), 'probe'],
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
      'a silent agent is checked',
      { ...launched, status: 'ready', lastHeartbeatAt: later(-LIVENESS.silenceMs) },
      present('started'),
      'check_agent',
    ],
    [
      'an agent without heartbeats is not checked',
      { ...launched, status: 'ready' },
      present('started'),
      'rest',
    ],
    [
      'an agent that does not return is rebooted',
      { ...launched, status: 'offline', deadlineAt: NOW },
      present('started'),
      'reboot',
    ],
    [
      'reboots are bounded',
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
    [
      'a hibernated workspace with a suspended machine rests',
      { ...launched, status: 'hibernated' },
      present('suspended'),
      'rest',
    ],
    [
      'recoveries from crashes are bounded',
      { ...launched, status: 'offline', recoveries: MAX_RECOVERIES },
      present('stopped', { crashed: true }),
      'give_up',
    ],
    [
      'recoveries from stops that nobody requested are bounded',
      { ...launched, status: 'offline', recoveries: MAX_RECOVERIES },
      present('stopped'),
      'give_up',
    ],
    [
      'a stop that was requested is accepted',
      { ...launched, status: 'ready' },
      present('stopped', { requested: true }),
      'accept_stop',
    ],
    [
      'a suspend that was requested is accepted while the agent does not answer',
      { ...launched, status: 'offline' },
      present('suspended', { requested: true }),
      'accept_stop',
    ],
    [
      'a stop that was requested is accepted at the deadline',
      { ...launched, status: 'offline', deadlineAt: NOW },
      present('stopped', { requested: true }),
      'accept_stop',
    ],
    [
      'a machine that we stopped ourselves is started by a wake',
      launched,
      present('suspended', { requested: true }),
      'start',
    ],
    [
      'a requested stop makes a workspace with the policy restart offline',
      { ...launched, status: 'ready', onOutsideStop: 'restart' },
      present('stopped', { requested: true }),
      'go_offline',
    ],
    [
      'the policy restart starts a machine that was stopped by request',
      { ...launched, status: 'offline', onOutsideStop: 'restart' },
      present('stopped', { requested: true }),
      'start',
    ],
    [
      'the policy restart accepts a stop after too many recoveries',
      { ...launched, status: 'offline', onOutsideStop: 'restart', recoveries: MAX_RECOVERIES },
      present('stopped', { requested: true }),
      'accept_stop',
    ],
    [
      'a ready workspace with a cordoned machine goes offline',
      { ...launched, status: 'ready' },
      present('started', { cordoned: true }),
      'go_offline',
    ],
    [
      'an offline workspace waits until the cordon of its machine ends',
      { ...launched, status: 'offline', deadlineAt: null },
      present('started', { cordoned: true }),
      'wait',
    ],
    [
      'one absence proves nothing',
      { ...launched, status: 'ready' },
      { presence: 'absent' },
      'suspect_absent',
    ],
    [
      'a lasting absence replaces the machine',
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
      'a removed workspace waits for a lost create to appear',
      { launchId: 'l', launchedAt: NOW, status: 'removed', absentSince: later(-ABSENCE_MS) },
      { presence: 'absent' },
      'suspect_absent',
    ],
    [
      'a removed workspace drops a destroyed machine',
      { ...launched, status: 'removed' },
      present('gone'),
      'forget_machine',
    ],
    ['a removed workspace without a machine rests', { status: 'removed' }, { presence: 'absent' }, 'rest'],
    [
      'a failed workspace stops the machine that it keeps',
      { ...launched, status: 'failed', machineKeptUntil: later(1) },
      present('started'),
      'stop',
    ],
    [
      'a failed workspace rests with its stopped machine',
      { ...launched, status: 'failed', machineKeptUntil: later(1) },
      present('stopped'),
      'rest',
    ],
    [
      'a failed workspace destroys its machine when the time is over',
      { ...launched, status: 'failed', machineKeptUntil: NOW },
      present('stopped'),
      'destroy',
    ],
    [
      'a failed workspace without a time destroys its machine',
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
    expect(decide(workspace(over), observed, NOW, LIVENESS).do).toBe(expected)
  })

  const REFUSED = { code: 'rate_limited' as const, message: 'Fly limits it.', hint: 'wait' }
  test.each<[string, Observed, Partial<Workspace>, string]>([
    ['that is not there', { presence: 'absent' }, {}, 'never_launched'],
    ['that Fly refused to make', { presence: 'absent' }, { reason: REFUSED }, 'rate_limited'],
    ['that cannot be observed', UNKNOWN, { reason: REFUSED }, 'provider_unreachable'],
    ['that has not started', present('busy'), { reason: REFUSED }, 'never_started'],
    ['that did not return', present('busy'), { status: 'offline', reason: REFUSED }, 'rate_limited'],
    ['that crashes while it starts', present('busy', { crashed: true }), { reason: REFUSED }, 'crashed'],
    ['that runs without its agent', present('started'), { reason: REFUSED }, 'never_registered'],
    ['that runs without its agent listening', present('started'), { registeredAt: NOW }, 'never_listened'],
    ['that was not updated', present('started'), { generation: 2 }, 'never_updated'],
    ['that Fly refused to update', present('started'), { generation: 2, reason: REFUSED }, 'rate_limited'],
    ['that is stopped', present('stopped'), {}, 'never_started'],
    ['that Fly refused to start', present('suspended'), { reason: REFUSED }, 'rate_limited'],
    ['that failed', present('failed'), { reason: REFUSED }, 'machine_failed'],
    ['whose host does not answer', present('unknown'), { reason: REFUSED }, 'host_unreachable'],
    ['that was destroyed', present('gone'), { reason: REFUSED }, 'machine_gone'],
  ])(
    'a missed deadline for a machine %s gives the matching reason and a next step',
    (_, observed, over, code) => {
      const step = decide(workspace({ ...launched, deadlineAt: NOW, ...over }), observed, NOW, LIVENESS)
      const words = expect.stringMatching(/\S/) as string
      expect(step).toMatchObject({ do: 'give_up', reason: { code, message: words, hint: words } })
    },
  )
})
