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
  return baseUrlFor(config, caller, () => new URL(c.req.url).origin)
}
