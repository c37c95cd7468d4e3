// A rollout's row, and the few words that its parts share.
import type { rollouts } from '../../drizzle/schema.ts'
import type { Services } from '../services.ts'

export type Rollout = typeof rollouts.$inferSelect

/** In these a runtime can have one rollout only. */
export const ACTIVE = ['running', 'halted', 'rolling_back'] as const

/** The services, as they act for a rollout: its events say so. */
export const actingForRollout = (services: Services, id: string): Services => ({
  ...services,
  by: `rollout:${id}`,
})
