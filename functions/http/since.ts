// A moment in a query: a time, or an age such as `15m`, which people type more easily.
import { z } from '@hono/zod-openapi'

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const EXPECTED = 'must be a time such as 2026-01-31T12:00:00Z, or an age such as 15m'

/** A time, or milliseconds before now. */
export const Since = z
  .union([
    z.iso.datetime({ offset: true, error: EXPECTED }).transform((text) => new Date(text)),
    z
      .string()
      .regex(/^\d{1,6}[smhd]$/, EXPECTED)
      .transform((text) => Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 0)),
  ])
  .openapi({ type: 'string' })

export const timeOf = (since: z.infer<typeof Since> | undefined, now: Date): Date | undefined =>
  typeof since === 'number' ? new Date(now.getTime() - since) : since
