// The control plane's identity, and rate limits that its replicas share.
import { sql } from 'drizzle-orm'
import { bigint, check, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'

/** One row, inserted by the first migration. Its id labels our machines, so two control planes can share an app. */
export const controlPlane = pgTable(
  'control_plane',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    /** Always 1 and unique, so the database refuses a second row. */
    only: integer('only').notNull().default(1).unique(),
    /**
     * The key from which inbound secrets of agents are derived (lib/auth/inbound-secret.ts): 244 random bits, hex.
     */
    agentKey: text('agent_key')
      .notNull()
      .default(sql`replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')`),
    /** When a sweep last began, in any process. */
    lastSweptAt: timestamp('last_swept_at'),
    /** When the provider's inventory was last read with the state of hosts, in any process. */
    inventoriedAt: timestamp('inventoried_at'),
    /** The embedded emulator whose machines this database describes, and when its server last said that it runs. */
    emulatorId: text('emulator_id'),
    emulatorUrl: text('emulator_url'),
    emulatorSeenAt: timestamp('emulator_seen_at'),
    /** The highest deleted `seq` of events, and of audit rows, which have a retention time of their own. */
    eventsForgottenSeq: bigint('events_forgotten_seq', { mode: 'number' }).notNull().default(0),
    auditForgottenSeq: bigint('audit_forgotten_seq', { mode: 'number' }).notNull().default(0),
  },
  forMigrations((table) => [check('control_plane_is_one', sql`${table.only} = 1`)]),
)

/**
 * Rate limits that all replicas share, by the generic cell rate algorithm: `next_at` is the theoretical arrival time. It has no index,
 * so that an update writes to none: each create waits for that of the same caller before it.
 */
export const rateLimits = pgTable('rate_limits', {
  key: text('key').primaryKey(),
  nextAt: timestamp('next_at').notNull(),
})
