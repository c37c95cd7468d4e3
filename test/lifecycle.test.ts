import { describe, expect, test } from 'vitest'
import {
  STATUSES,
  TARGET,
  TRANSITIONS,
  type WorkspaceEvent,
  type WorkspaceStatus,
} from '../lib/workspaces/lifecycle.ts'

// Every status × every event: a new one of either does not compile without its row here.
const EXPECTED: Record<WorkspaceStatus, Record<WorkspaceEvent, WorkspaceStatus | null>> = {
  provisioning: {
    restart_requested: 'provisioning',
    agent_answered: 'ready',
    trouble_reported: null,
    trouble_ended: null,
    machine_stopped: null,
    machine_lost: 'provisioning',
    gave_up: 'failed',
    removed: 'removed',
  },
  ready: {
    restart_requested: 'provisioning',
    agent_answered: null,
    trouble_reported: 'degraded',
    trouble_ended: null,
    machine_stopped: 'offline',
    machine_lost: 'provisioning',
    gave_up: null,
    removed: 'removed',
  },
  degraded: {
    restart_requested: 'provisioning',
    agent_answered: null,
    trouble_reported: null,
    trouble_ended: 'ready',
    machine_stopped: 'offline',
    machine_lost: 'provisioning',
    gave_up: null,
    removed: 'removed',
  },
  offline: {
    restart_requested: 'provisioning',
    agent_answered: 'ready',
    trouble_reported: null,
    trouble_ended: null,
    machine_stopped: null,
    machine_lost: 'provisioning',
    gave_up: 'failed',
    removed: 'removed',
  },
  failed: resting(),
  paused: resting(),
  hibernated: resting(),
  removed: {
    restart_requested: null,
    agent_answered: null,
    trouble_reported: null,
    trouble_ended: null,
    machine_stopped: null,
    machine_lost: null,
    gave_up: null,
    removed: null,
  },
}

function resting(): Record<WorkspaceEvent, WorkspaceStatus | null> {
  return {
    restart_requested: 'provisioning',
    agent_answered: null,
    trouble_reported: null,
    trouble_ended: null,
    machine_stopped: null,
    machine_lost: null,
    gave_up: null,
    removed: 'removed',
  }
}

describe('the table of transitions', () => {
  test.each(STATUSES)('says for %s what the lifecycle promises', (status) => {
    expect(TRANSITIONS[status]).toEqual(EXPECTED[status])
  })

  test('leads with each event to one status only, so that one UPDATE can write it', () => {
    for (const [event, target] of Object.entries(TARGET) as [WorkspaceEvent, WorkspaceStatus][]) {
      for (const status of STATUSES) expect([null, target]).toContain(TRANSITIONS[status][event])
    }
  })
})
