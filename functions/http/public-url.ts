// The base of every URL in responses. Agents get PLATFORM_URL where it is set; other callers get PUBLIC_URL, or the
// origin of their own request where it is not set.
import type { Context } from 'hono'
import type { Caller } from '../../lib/auth/caller.ts'
import type { Config } from '../../lib/config/config.ts'
import type { AppEnv } from './app-env.ts'

export const baseUrlFor = (
  { platformUrl, publicUrl }: Config,
  caller: Caller | undefined,
  origin: () => string,
): string => (caller?.kind === 'workspace' ? platformUrl : undefined) ?? publicUrl ?? origin()

export function publicUrlOf(config: Config, c: Context<AppEnv>): string {
  // Signed routes have no caller.
  const caller: Caller | undefined = c.get('caller')
  return baseUrlFor(config, caller, () => originOf(c.req.url))
}

/** Of the URL of a request, which has the normal form. To parse it takes longer than to read a row. */
const originOf = (url: string): string => url.slice(0, url.indexOf('/', url.indexOf('://') + 3))
