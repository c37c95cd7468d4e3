// A rollout's row, and what the parts of this folder share.
import type { Store } from '../platform/context.ts'
import type { rollouts } from '../../drizzle/schema/index.ts'

export type Rollout = typeof rollouts.$inferSelect

/** A runtime has at most one rollout in these states. */
export const ACTIVE = ['running', 'halted', 'rolling_back'] as const

/** The services acting for a rollout: events name it. */
export const withRollout = <Acting extends Store>(services: Acting, id: string): Acting => ({
  ...services,
  by: `rollout:${id}`,
})
