// The steps of workspaces whose agent runs elsewhere: each is one transition, and asks nobody.
import { lte } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import type { Core } from '../platform/context.ts'
import { CONTINUE, type StepResult } from './step-result.ts'
import type { Step } from './step.ts'

/** The agent sent a heartbeat: its workspace is ready. */
export async function welcomeAgent(
  services: Core,
  { generation, id }: ClaimedWorkspace,
): Promise<StepResult> {
  const now = services.now()
  await transition(services, {
    id,
    event: 'agent_answered',
    now,
    fence: { generation },
    changes: { readyAt: now, lastActiveAt: now, reason: null },
    payload: { machine_id: null },
  })
  return CONTINUE
}

/** No heartbeat came since the one that was seen: the workspace is offline until the next one. */
export async function missAgent(
  services: Core,
  { generation, id }: ClaimedWorkspace,
  { reason, seenAt }: Extract<Step, { do: 'miss_agent' }>,
): Promise<StepResult> {
  await transition(services, {
    id,
    event: 'agent_silent',
    now: services.now(),
    fence: { generation },
    where: lte(workspaces.lastHeartbeatAt, seenAt),
    changes: { reason },
    payload: { machine_id: null, reason },
  })
  return CONTINUE
}
