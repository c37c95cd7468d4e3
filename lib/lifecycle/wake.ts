// Wakes a hibernated workspace: for a message, a caller, or at its `wake_at`.
import type { Context } from '../config/context.ts'
import { provisionDeadline } from './deadline.ts'
import { transition } from './transition.ts'
import { generationAtStart } from './wanted-image.ts'
import type { Workspace } from './workspace.ts'

/** @returns undefined when the workspace is not hibernated */
export async function wakeWorkspace(
  services: Context,
  row: Pick<Workspace, 'id' | 'runtime'>,
  payload: { cause?: 'time' } = {},
): Promise<Workspace | undefined> {
  const now = services.now()
  return transition(services, {
    id: row.id,
    event: 'wake_requested',
    now,
    changes: {
      nextCheckAt: now,
      generation: generationAtStart,
      deadlineAt: provisionDeadline(services.config, row.runtime, now),
      lastActiveAt: now,
      lastHeartbeatAt: null,
      recoveries: 0,
    },
    payload,
  })
}
