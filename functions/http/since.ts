// A moment in a query: a time, or an age such as `15m`, which people type more easily. What lies outside the years that a
// time in ISO 8601 has four digits for becomes the nearest moment within them, because Postgres cannot read it.
import { z } from '@hono/zod-openapi'

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const EXPECTED = 'must be a time such as 2026-01-31T12:00:00Z, or an age such as 15m'

const EARLIEST = Date.parse('1970-01-01T00:00:00Z')
const LATEST = Date.parse('9999-01-01T00:00:00Z')

const momentAt = (milliseconds: number): Date => new Date(Math.min(Math.max(milliseconds, EARLIEST), LATEST))

/** A time. */
export const Moment = z.iso
  .datetime({ offset: true })
  .transform((text) => momentAt(Date.parse(text)))
  .openapi({ type: 'string', format: 'date-time' })

/** A time, or milliseconds before now. */
export const Since = z
  .union([
    z.iso.datetime({ offset: true, error: EXPECTED }).transform((text) => momentAt(Date.parse(text))),
    z
      .string()
      .regex(/^\d{1,6}[smhd]$/, EXPECTED)
      .transform((text) => Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 0)),
  ])
  .openapi({ type: 'string' })

export const timeOf = (since: z.infer<typeof Since> | undefined, now: Date): Date | undefined =>
  typeof since === 'number' ? momentAt(now.getTime() - since) : since
