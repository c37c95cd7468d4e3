// Hibernation: the machine sleeps until it is needed, suspended where Fly can keep its memory, stopped where it
// cannot. Requested by callers or the idle policy, and ended by a message.
import type { Context } from '../config/context.ts'
import type { Core, Store } from '../platform/context.ts'
import { and, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { TRANSITIONS } from '../lifecycle/lifecycle.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import { statusConflict } from './verb-errors.ts'
import { generationAtStart } from '../lifecycle/wanted-image.ts'
import type { Workspace } from '../lifecycle/workspace.ts'

/**
 * @throws DomainError `not_found`; `conflict` when the workspace is not running, or is at work and `force` is false
 */
export async function hibernateWorkspace(services: Core, id: string, force: boolean): Promise<Workspace> {
  const { db } = services
  const now = services.now()
  const moved = await transition(services, {
    id,
    event: 'hibernate_requested',
    now,
    changes: { nextCheckAt: now },
    where: force ? undefined : eq(workspaces.activeTasks, 0),
  })
  if (moved !== undefined) return moved
  const { activeTasks, status } = await getWorkspace(db, id)
  if (!force && activeTasks > 0 && TRANSITIONS.hibernate_requested.from.includes(status)) {
    throw new DomainError('conflict', 'the agent is at work: wait, or repeat with ?force=true', {
      details: { active_tasks: activeTasks },
    })
  }
  throw await statusConflict(services, id, 'hibernated')
}

/** Wakes a hibernated workspace. @returns undefined when it is not hibernated */
export async function wakeWorkspace(
  services: Context,
  row: Pick<Workspace, 'id' | 'runtime'>,
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
  })
}

/**
 * Marks a workspace as active before a message is sent to it. The idle policy compares the same column in the
 * statement that hibernates, so a message and a hibernation cannot both succeed.
 * @returns false when the workspace is no longer awake
 */
export async function touchWorkspace({ db, now }: Store, id: string): Promise<boolean> {
  const touched = await db
    .update(workspaces)
    .set({ lastActiveAt: now() })
    .where(and(eq(workspaces.id, id), inArray(workspaces.status, [...TRANSITIONS.hibernate_requested.from])))
    .returning({ id: workspaces.id })
  return touched.length > 0
}

/** Requests of a pass that are left for other work. */
const LEFT_FOR_OTHERS = 20

/**
 * Hibernates workspaces that were idle for longer than their `idle_minutes`: no message through the proxy, no
 * reported task.
 * @returns how many
 */
export async function hibernateIdle(services: Core, limit: number): Promise<number> {
  const { db } = services
  const now = services.now()
  const idle = and(
    isNotNull(workspaces.idleMinutes),
    eq(workspaces.activeTasks, 0),
    lte(
      workspaces.lastActiveAt,
      sql`${now.toISOString()}::timestamptz - make_interval(mins => ${workspaces.idleMinutes})`,
    ),
  )
  const candidates = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(inArray(workspaces.status, [...TRANSITIONS.hibernate_requested.from]), idle))
    .limit(limit)
  let asleep = 0
  for (const { id } of candidates) {
    if (services.budget.left() < LEFT_FOR_OTHERS) break
    const moved = await transition(services, {
      id,
      event: 'hibernate_requested',
      now,
      changes: { nextCheckAt: now },
      where: idle,
      payload: { cause: 'idle' },
    })
    if (moved !== undefined) asleep++
  }
  return asleep
}
