// The decision for a workspace whose agent runs elsewhere (runtime `external`): it has no machine, so that its status
// follows the heartbeats of its agent alone. Pure; decide.ts chooses between this and the other cases.
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { reasonFor } from '../platform/reasons.ts'
import { isSilent, type Liveness } from './observation.ts'
import type { Step } from './step.ts'

/** The next step of an external workspace that is to be reached. It waits for its agent without a deadline. */
export function decideExternal(workspace: Workspace, now: Date, liveness: Liveness): Step {
  const { lastHeartbeatAt, status } = workspace
  if (lastHeartbeatAt === null) return { do: 'rest' }
  if (!isSilent(workspace, now, liveness))
    return isTransient(status) ? { do: 'welcome_agent' } : { do: 'rest' }
  if (isTransient(status)) return { do: 'rest' }
  const detail = lastHeartbeatAt.toISOString()
  return { do: 'miss_agent', seenAt: lastHeartbeatAt, reason: reasonFor('external_silent', { detail }) }
}
