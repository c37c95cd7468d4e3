// Which tokens exist. Anyone can send tokens, so the cost of looking them up is bounded without refusing any: one
// statement at a time looks up a batch of tokens, and client addresses take turns in it. A guesser delays others by a
// statement or two.
import { and, isNull, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { apiTokens, workspaceTokens } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'

/** Tokens in one statement. */
const MAX_BATCH = 100

/** Tokens of one address that wait: more than a client has connections. */
const MAX_WAITING = 1_000

export type TokenLookup = {
  /**
   * Whether lookups share statements. If not, a lookup costs as much as the use of a token, and must not precede it.
   */
  isBatched: boolean
  /**
   * @param hash of the token (token.ts)
   * @returns whether an API token or a workspace token has it; an API token also when it is expired or revoked
   * @throws DomainError `rate_limited` when too many tokens of the address wait
   */
  exists(hash: string, address: string): Promise<boolean>
}

type Waiting = { hash: string; resolve: (exists: boolean) => void; reject: (error: unknown) => void }

/**
 * @param isBatched whether requests may wait for each other; on Workers they may not
 */
export function createTokenLookup(db: Database, isBatched: boolean): TokenLookup {
  if (!isBatched) return { isBatched, exists: async (hash) => (await existingHashes(db, [hash])).has(hash) }
  const waiting = new Map<string, Waiting[]>()
  let isRunning = false

  async function run(): Promise<void> {
    isRunning = true
    for (let batch = takeBatch(waiting); batch.length > 0; batch = takeBatch(waiting)) {
      try {
        const existing = await existingHashes(db, [...new Set(batch.map(({ hash }) => hash))])
        for (const { hash, resolve } of batch) resolve(existing.has(hash))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isRunning = false
  }

  const exists = (hash: string, address: string) =>
    new Promise<boolean>((resolve, reject) => {
      const queue = waiting.get(address) ?? []
      if (queue.length >= MAX_WAITING) {
        const message = 'too many unknown tokens from this address: wait'
        reject(new DomainError('rate_limited', message, { retryAfterSeconds: 1 }))
        return
      }
      queue.push({ hash, resolve, reject })
      waiting.set(address, queue)
      if (!isRunning) void run()
    })
  return { isBatched, exists }
}

/** Takes one token of each address in turn, until the batch is full. */
function takeBatch(waiting: Map<string, Waiting[]>): Waiting[] {
  const batch: Waiting[] = []
  while (waiting.size > 0 && batch.length < MAX_BATCH) {
    const [entry] = waiting
    if (entry === undefined) break
    const [address, queue] = entry
    const next = queue.shift()
    if (next !== undefined) batch.push(next)
    // The address goes to the end of the line, behind those that have not had their turn.
    waiting.delete(address)
    if (queue.length > 0) waiting.set(address, queue)
  }
  return batch
}

const lookupStatement = prepared((db, valueOf: ValueOf<{ hashes: string }>) => {
  const isOneOf = (hash: PgColumn) => sql`${hash} = any(${valueOf('hashes')}::text[])`
  return db
    .select({ hash: apiTokens.hash })
    .from(apiTokens)
    .where(isOneOf(apiTokens.hash))
    .unionAll(
      db
        .select({ hash: workspaceTokens.hash })
        .from(workspaceTokens)
        .where(and(isOneOf(workspaceTokens.hash), isNull(workspaceTokens.revokedAt))),
    )
})

/** @param hashes in hexadecimal */
async function existingHashes(db: Database, hashes: string[]): Promise<Set<string>> {
  const found = await lookupStatement(db, { hashes: `{${hashes.join(',')}}` })
  return new Set(found.map(({ hash }) => hash))
}
