// Agents that beat at the same time, and what their heartbeats wait for in Postgres.
import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, inject, vi } from 'vitest'
import { createStoreBeatsTogether } from '../../lib/registry/beats-together.ts'
import { createTurns } from '../../lib/platform/turns.ts'
import { createStoreBeat } from '../../lib/registry/store-beat.ts'
import { createHarness, type Harness, type Json } from './harness.ts'
import { waitingForLocks } from './lock-waits.ts'

type Agent = { id: string; token: string }

export const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

export const statusesOf = (answers: { status: number }[]) => answers.map(({ status }) => status)

/** Hooks that open a harness with agents for each test. Call this once in a test file. */
export function beatingAgents() {
  let h: Harness
  let url: string
  let client: Client
  let begun = 0
  beforeEach(async () => {
    h = await createHarness()
    const address = new URL(inject('postgresUrl'))
    const [database] = await h.db.select({ name: sql<string>`name` }).from(sql`current_database() as name`)
    address.pathname = `/${database?.name}`
    url = address.href
    client = new Client({ connectionString: url })
    await client.connect()
    // A statement under way is waited for, however long it takes.
    useStoreOf(() => new Promise(() => {}))
  })
  afterEach(async () => {
    await client.end()
    await h.close()
  })

  function useStoreOf(sleep: () => Promise<void>): void {
    const storeBeat = storeOf(sleep)
    begun = 0
    h.services.storeBeat = (beat) => {
      begun++
      return storeBeat(beat)
    }
  }

  /** As in a process of its own. */
  const storeOf = (sleep: () => Promise<void>) =>
    createStoreBeat({ db: h.db, inTurn: createTurns(), now: h.now, sleep }, createStoreBeatsTogether)

  /** Workspaces that are ready, whose agents have tokens. */
  async function agents<Names extends readonly string[]>(...names: Names) {
    const created: Agent[] = []
    for (const name of names) created.push(await agent(name))
    return created as { [At in keyof Names]: Agent }
  }

  async function agent(name: string): Promise<Agent> {
    const id = randomUUID()
    await client.query(
      `insert into workspaces (id, name, runtime, tier, regions, status, status_changed_at, created_at, updated_at)
     values ($1, $2, 'external', 1, '[]', 'ready', now(), now(), now())`,
      [id, name],
    )
    return { id, token: await tokenFor(id, 1) }
  }

  async function tokenFor(id: string, generation: number | null): Promise<string> {
    const token = randomUUID()
    await client.query(
      'insert into workspace_tokens (workspace_id, hash, prefix, generation, created_at) values ($1, $2, $3, $4, now())',
      [id, hashOf(token), token.slice(0, 8), generation],
    )
    return token
  }

  const beat = ({ id, token }: Agent, fields: Json = {}) =>
    h.request('/registry/heartbeat', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      json: { workspace_id: id, ...fields },
    })

  /** Statements of this test that wait for a lock. */
  const waiting = () => waitingForLocks(client)
  const untilWaiting = (count: number) =>
    vi.waitFor(async () => expect(await waiting()).toHaveLength(count), { timeout: 60_000 })
  const untilBegun = (count: number) => vi.waitFor(() => expect(begun).toBe(count), { timeout: 60_000 })

  async function lock({ id }: Agent): Promise<() => Promise<unknown>> {
    await client.query('begin')
    await client.query('select from workspaces where id = $1 for update', [id])
    return () => client.query('rollback')
  }

  /** Sends heartbeats while the statement of an earlier one is under way. @returns their answers */
  async function beatTogether(beats: [Agent, Json?][], meanwhile?: () => Promise<unknown>) {
    begun = 0
    const first = await agent('first')
    const release = await lock(first)
    const earlier = beat(first)
    await untilWaiting(1)
    const answers = []
    for (const [at, [one, fields]] of beats.entries()) {
      answers.push(beat(one, fields))
      await untilBegun(2 + at)
    }
    await meanwhile?.()
    await release()
    expect((await earlier).status).toBe(200)
    return Promise.all(answers)
  }

  /** The names of workspaces, together if one statement has stored them last. */
  async function statements(): Promise<string[][]> {
    const { rows } = await client.query<{ names: string[] }>(
      `select array_agg(name order by name) as names from workspaces where last_heartbeat_at is not null
     group by xmin::text order by min(name)`,
    )
    return rows.map(({ names }) => names)
  }

  const read = async ({ id }: Agent) => (await h.request(`/workspaces/${id}`)).body
  return {
    get h() {
      return h
    },
    get url() {
      return url
    },
    get client() {
      return client
    },
    useStoreOf,
    storeOf,
    agent,
    agents,
    tokenFor,
    beat,
    waiting,
    untilWaiting,
    untilBegun,
    lock,
    beatTogether,
    statements,
    read,
  }
}
