import { describe, expect, test } from 'vitest'
import {
  STATUSES,
  TRANSITIONS,
  type WorkspaceEvent,
  type WorkspaceStatus,
} from '../../lib/lifecycle/lifecycle.ts'

// Every status × every event. A new status or event does not compile without its cells here.
const EXPECTED: Record<WorkspaceStatus, Record<WorkspaceEvent, WorkspaceStatus | null>> = {
  provisioning: row({
    http_not_offered: 'degraded',
    restart_requested: 'provisioning',
    pause_requested: 'paused',
    removed: 'removed',
    agent_answered: 'ready',
    machine_lost: 'provisioning',
    host_full: 'provisioning',
    gave_up: 'failed',
  }),
  ready: row({
    drift_undone: 'provisioning',
    http_not_offered: 'degraded',
    restart_requested: 'provisioning',
    pause_requested: 'paused',
    hibernate_requested: 'hibernated',
    stop_accepted: 'hibernated',
    removed: 'removed',
    agent_silent: 'offline',
    trouble_reported: 'degraded',
    machine_stopped: 'offline',
    machine_lost: 'provisioning',
  }),
  degraded: row({
    drift_undone: 'provisioning',
    http_offered: 'ready',
    restart_requested: 'provisioning',
    pause_requested: 'paused',
    hibernate_requested: 'hibernated',
    stop_accepted: 'hibernated',
    removed: 'removed',
    agent_silent: 'offline',
    trouble_ended: 'ready',
    machine_stopped: 'offline',
    machine_lost: 'provisioning',
  }),
  offline: row({
    drift_undone: 'provisioning',
    stop_accepted: 'hibernated',
    http_not_offered: 'degraded',
    restart_requested: 'provisioning',
    pause_requested: 'paused',
    removed: 'removed',
    agent_answered: 'ready',
    agent_lost: 'provisioning',
    machine_lost: 'provisioning',
    host_full: 'provisioning',
    gave_up: 'failed',
  }),
  failed: row({ restart_requested: 'provisioning', removed: 'removed' }),
  paused: row({ restart_requested: 'provisioning', resume_requested: 'provisioning', removed: 'removed' }),
  hibernated: row({
    restart_requested: 'provisioning',
    pause_requested: 'paused',
    wake_requested: 'provisioning',
    removed: 'removed',
  }),
  removed: row({}),
}

type Cells = { [Event in WorkspaceEvent]?: WorkspaceStatus }

function row(cells: Cells): Record<WorkspaceEvent, WorkspaceStatus | null> {
  const events = Object.keys(TRANSITIONS) as WorkspaceEvent[]
  return Object.fromEntries(events.map((event) => [event, cells[event] ?? null])) as Record<
    WorkspaceEvent,
    WorkspaceStatus | null
  >
}

describe('the lifecycle', () => {
  test.each(STATUSES)('the lifecycle moves %s by these events only', (status) => {
    const moves = Object.entries(TRANSITIONS).map(([event, { from, to }]) => [
      event,
      from.includes(status) ? to : null,
    ])
    expect(Object.fromEntries(moves)).toEqual(EXPECTED[status])
  })

  test('every status can be removed, and removed is final', () => {
    expect(TRANSITIONS.removed.from.toSorted()).toEqual(
      STATUSES.filter((status) => status !== 'removed').toSorted(),
    )
    for (const { from } of Object.values(TRANSITIONS)) expect(from).not.toContain('removed')
  })
})
