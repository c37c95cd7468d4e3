// A rollout's row, and the few words that its parts share.
import type { Store } from '../platform/context.ts'
import type { rollouts } from '../../drizzle/schema/index.ts'

export type Rollout = typeof rollouts.$inferSelect

/** In these a runtime can have one rollout only. */
export const ACTIVE = ['running', 'halted', 'rolling_back'] as const

/** The services, as they act for a rollout: its events say so. */
export const withRollout = <Acting extends Store>(services: Acting, id: string): Acting => ({
  ...services,
  by: `rollout:${id}`,
})
