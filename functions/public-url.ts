// The base of every address we hand out. PUBLIC_URL where it is set; otherwise the address this caller used.
import type { Context } from 'hono'
import type { Config } from '../lib/config.ts'

export const publicUrlOf = (config: Config, c: Context): string =>
  config.publicUrl ?? new URL(c.req.url).origin
