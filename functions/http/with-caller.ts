// The services of one request: changes that they make are recorded under its caller.
import type { Context } from 'hono'
import { callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { AppEnv } from './app-env.ts'

export const withCaller = (services: Services, c: Context<AppEnv>): Services => ({
  ...services,
  by: callerKey(c.get('caller')),
})
