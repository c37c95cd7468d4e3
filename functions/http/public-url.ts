// The base of every address we hand out. Agents may have a way of their own to us (PLATFORM_URL); everybody else is told
// PUBLIC_URL, and where that is not set the address that this caller used.
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
  // At a door that asks for a signature there is none.
  const caller: Caller | undefined = c.get('caller')
  return baseUrlFor(config, caller, () => new URL(c.req.url).origin)
}
