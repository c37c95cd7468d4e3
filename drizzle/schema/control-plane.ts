// The control plane itself, and limits that all its replicas share.
import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'

/** One row, made by the first migration. Its id marks our machines at the provider, so two control planes can share an app. */
export const controlPlane = pgTable(
  'control_plane',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    /** Always 1: a second row is a mistake that the database refuses. */
    only: integer('only').notNull().default(1).unique(),
    /** What each agent's inbound secret is derived from (lib/auth/inbound-secret.ts). 244 random bits, as hex. */
    agentKey: text('agent_key')
      .notNull()
      .default(sql`replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')`),
    /** When a sweep last began, in whichever process. */
    lastSweptAt: timestamp('last_swept_at'),
    /** Up to which numbers the log has been forgotten: its events, and its audit, which is kept for another time. */
    eventsForgottenSeq: bigint('events_forgotten_seq', { mode: 'number' }).notNull().default(0),
    auditForgottenSeq: bigint('audit_forgotten_seq', { mode: 'number' }).notNull().default(0),
  },
  (table) => [check('control_plane_is_one', sql`${table.only} = 1`)],
)

/** Limits that all replicas keep together, by the generic cell rate algorithm: when the next one would come if all came evenly. */
export const rateLimits = pgTable(
  'rate_limits',
  {
    key: text('key').primaryKey(),
    nextAt: timestamp('next_at').notNull(),
  },
  (table) => [index('rate_limits_next').on(table.nextAt)],
)
