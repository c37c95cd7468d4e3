// State about the provider: the pace of creates, the health of regions, and orphaned machines.
import { integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import type { StoredReason } from './reason.ts'

/** The queue of creates in each app. All replicas together keep to Fly's rate limit. */
export const launchPace = pgTable('launch_pace', {
  app: text('app').primaryKey(),
  /** The time of the next slot that will be assigned. */
  nextTurnAt: timestamp('next_turn_at').notNull(),
  /** Theoretical arrival time of the next create (generic cell rate algorithm), from the creates that were sent. */
  nextSendAt: timestamp('next_send_at').notNull(),
})

/** A circuit breaker for each region, from the results of creating machines there. */
export const regionHealth = pgTable('region_health', {
  region: text('region').primaryKey(),
  /** Consecutive refusals. */
  failures: integer('failures').notNull().default(0),
  /** The region is skipped until then; afterwards one launch may try it. Null: in use. */
  openUntil: timestamp('open_until'),
  lastFailure: jsonb('last_failure').$type<StoredReason>(),
  lastFailureAt: timestamp('last_failure_at'),
  lastSuccessAt: timestamp('last_success_at'),
})

/** Machines with our label and no workspace. Once seen twice and old enough, they are destroyed. */
export const orphans = pgTable('orphans', {
  machineId: text('machine_id').primaryKey(),
  app: text('app').notNull(),
  firstSeenAt: timestamp('first_seen_at').notNull(),
  lastSeenAt: timestamp('last_seen_at').notNull(),
  sightings: integer('sightings').notNull().default(1),
  /** Failed attempts to destroy it. */
  attempts: integer('attempts').notNull().default(0),
  goneAt: timestamp('gone_at'),
})
