// What middleware hands to routes. Services are not here: routes are made with them.
import type { Caller } from '../lib/caller.ts'

export type AppEnv = { Variables: { requestId: string; caller: Caller } }
