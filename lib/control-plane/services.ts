// The whole of what a server's functions run on: every context of lib in one value. Entries compose it once
// (create-services.ts) and hand it to routes and loops; functions of lib name the smaller context that they need.
import type { OpenDatabase } from '../../drizzle/database.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Caller } from '../auth/caller.ts'
import type { FailedAttempts } from '../auth/failed-attempts.ts'
import type { TokenLookup } from '../auth/token-lookup.ts'
import type { EventContext } from '../events/context.ts'
import type { InsideContext } from '../inside/context.ts'
import type { HookContext } from '../hooks/context.ts'
import type { RateCounter } from '../platform/rate-limit.ts'
import type { StoreBeat } from '../registry/beat.ts'
import type { TtlCache } from '../platform/ttl-cache.ts'
import type { InTurn } from '../platform/turns.ts'
import type { WebhookContext } from '../webhooks/context.ts'
import type { InsertWorkspace } from '../workspaces/insert-workspace.ts'

export type Services = HookContext &
  EventContext &
  InsideContext &
  WebhookContext & {
    /** The database driver's name, for `/healthz`. */
    driver: string
    /** Reports a disk that is nearly full; undefined where the database is not embedded. */
    checkDisk: OpenDatabase['checkDisk'] | undefined
    /** Authenticated callers, by their `Authorization` header. */
    callers: TtlCache<Caller>
    /** Stores a new workspace. */
    insertWorkspace: InsertWorkspace
    /** Does what the requests with one workspace token change, one after the other. Keys are hashes of tokens. */
    inTurn: InTurn
    /** Stores a heartbeat. */
    storeBeat: StoreBeat
    /** Stores who asked for which change. */
    audit: AuditLog
    /** Credentials that were valid or invalid a short time ago. */
    failedAttempts: FailedAttempts
    /** Whether a token exists, at a bounded cost. */
    tokenLookup: TokenLookup
    /** Counts a caller's API requests; A2A requests are counted by `limits`. */
    countRequest: RateCounter
  }
