// Hibernation: the machine sleeps until it is needed, suspended where Fly can keep its memory, stopped where it
// cannot. Requested by callers or the idle policy, and ended by a message.
import type { Config } from '../config/config.ts'
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, gt, inArray, isNotNull, lte, not, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { drainEnd } from '../lifecycle/deadline.ts'
import { isHeld } from '../lifecycle/held.ts'
import { isMarked, MARK_END } from '../lifecycle/in-flight.ts'
import { reportsTasks } from '../lifecycle/reported-tasks.ts'
import { TRANSITIONS } from '../lifecycle/lifecycle.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import { refuseWithoutMachine } from './external.ts'
import { readHolds } from './holds.ts'
import { statusConflict } from './status-conflict.ts'
import { WakeAt, wakeAtOf } from './workspace-input.ts'
import type { Workspace } from '../lifecycle/workspace.ts'

/** The optional body of POST /workspaces/:id/hibernate. */
export const HibernateInput = z.object({ wake_at: WakeAt.nullish() })

/**
 * @throws DomainError `not_found`; `invalid_input` for a `wake_at` that has passed; `conflict` when the workspace is
 *   not running, has no machine, or is at work or held and `force` is false
 */
export async function hibernateWorkspace(
  services: Context,
  id: string,
  force: boolean,
  input: z.infer<typeof HibernateInput> = {},
): Promise<Workspace> {
  const { db } = services
  const now = services.now()
  const wakeAt = wakeAtOf(input.wake_at, now)
  refuseWithoutMachine(await getWorkspace(db, id), 'hibernated')
  const moved = await transition(services, {
    id,
    event: 'hibernate_requested',
    now,
    changes: {
      nextCheckAt: now,
      drainUntil: force ? null : drainEnd(services.config, now),
      ...(wakeAt === undefined ? {} : { wakeAt }),
    },
    where: force ? undefined : and(not(reportsTasks(services.config, now)), not(isHeld(now))),
  })
  if (moved !== undefined) return moved
  const { activeTasks, status } = await getWorkspace(db, id)
  if (!force && TRANSITIONS.hibernate_requested.from.includes(status)) {
    const [hold] = await readHolds(services, id)
    const [why, details] =
      hold === undefined
        ? ['the agent is at work', { active_tasks: activeTasks }]
        : ['a hold keeps it awake', { held_until: hold.until.toISOString() }]
    throw new DomainError('conflict', `${why}: wait, or repeat with ?force=true`, { details })
  }
  throw await statusConflict(services, id, 'hibernated')
}

const touchStatement = prepared((db, valueOf: ValueOf<{ id: string; now: Date }>) =>
  db
    .update(workspaces)
    .set({
      lastActiveAt: sql`${valueOf('now')}::timestamptz`,
      busyUntil: MARK_END,
    })
    .where(
      and(
        eq(workspaces.id, valueOf('id')),
        or(
          inArray(workspaces.status, [...TRANSITIONS.hibernate_requested.from]),
          gt(workspaces.drainUntil, valueOf('now')),
        ),
      ),
    ),
)

/**
 * Marks a workspace as at work, while a request to it lasts. The idle policy, and a restart that another process carries out, wait
 * until the mark has ended.
 */
export async function touchWorkspace({ db, now }: Store, id: string): Promise<void> {
  await touchStatement(db, { id, now: now() })
}

/** Requests of a pass that are left for other work. */
const LEFT_FOR_OTHERS = 20

/** Whether a workspace was idle for longer than its `idle_minutes`. */
const isIdle = (config: Config, now: Date) =>
  and(
    isNotNull(workspaces.idleMinutes),
    not(reportsTasks(config, now)),
    lte(
      workspaces.lastActiveAt,
      sql`${now.toISOString()}::timestamptz - make_interval(mins => ${workspaces.idleMinutes})`,
    ),
    not(isHeld(now)),
    not(isMarked),
  )

/** The statement that finds workspaces to hibernate. */
export const idleStatement = ({ config, db }: Pick<Context, 'config' | 'db'>, now: Date, limit: number) =>
  db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(inArray(workspaces.status, [...TRANSITIONS.hibernate_requested.from]), isIdle(config, now)))
    .limit(limit)

/**
 * Hibernates workspaces that were idle for longer than their `idle_minutes`: no message through the proxy, no
 * reported task, no hold.
 * @returns how many
 */
export async function hibernateIdle(services: Context, limit: number): Promise<number> {
  const now = services.now()
  const candidates = await idleStatement(services, now, limit)
  let asleep = 0
  for (const { id } of candidates) {
    if (services.budget.left() < LEFT_FOR_OTHERS) break
    const moved = await transition(services, {
      id,
      event: 'hibernate_requested',
      now,
      changes: { nextCheckAt: now, drainUntil: drainEnd(services.config, now) },
      where: isIdle(services.config, now),
      payload: { cause: 'idle' },
    })
    if (moved !== undefined) asleep++
  }
  return asleep
}
