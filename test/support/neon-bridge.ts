// Serves Neon's HTTP protocol in front of a plain Postgres, so that the Worker's driver runs unchanged in tests. Values are sent as
// the text that Postgres returned: converting them to JavaScript is the driver's task and part of what is tested.
import { type CustomTypesConfig, DatabaseError, Pool, type PoolClient, type QueryArrayResult } from 'pg'
import { listen } from '../../functions/node/http-server.ts'

type Query = { query: string; params: unknown[] }

const AS_TEXT = { getTypeParser: () => (text: string) => text } as unknown as CustomTypesConfig
const ISOLATION = {
  ReadUncommitted: 'read uncommitted',
  ReadCommitted: 'read committed',
  RepeatableRead: 'repeatable read',
  Serializable: 'serializable',
} as const

/** The fields of an error that Neon sends and the driver copies. */
const ERROR_FIELDS = [
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const

/**
 * Serves `POST /sql` on loopback. Each statement goes to the database that its connection string names; `host` and `port` of
 * that string are those of the real Postgres.
 */
export async function startNeonBridge(): Promise<{
  endpoint: string
  statements: string[]
  close(): Promise<void>
}> {
  const pools = new Map<string, Pool>()
  const statements: string[] = []

  async function answer(request: Request): Promise<Response> {
    const url = request.headers.get('neon-connection-string')
    if (request.method !== 'POST' || new URL(request.url).pathname !== '/sql' || url === null) {
      return new Response('not Neon', { status: 404 })
    }
    if (request.headers.get('neon-raw-text-output') !== 'true')
      return new Response('only text output', { status: 501 })
    const arrays = request.headers.get('neon-array-mode') === 'true'
    const body = (await request.json()) as Query | { queries: Query[] }
    const client = await poolOf(url).connect()
    try {
      if (!('queries' in body)) return Response.json(await run(client, body, arrays))
      return Response.json({ results: await runBatch(client, body.queries, request.headers, arrays) })
    } catch (error) {
      if (error instanceof DatabaseError) return Response.json(shown(error), { status: 400 })
      throw error
    } finally {
      client.release()
    }
  }

  function poolOf(url: string): Pool {
    const pool = pools.get(url) ?? new Pool({ connectionString: url, max: 8 })
    if (!pools.has(url)) pool.on('error', () => {})
    pools.set(url, pool)
    return pool
  }

  async function run(client: PoolClient, { query, params }: Query, arrays: boolean) {
    statements.push(query)
    const result: QueryArrayResult<(string | null)[]> = await client.query({
      text: query,
      values: params,
      rowMode: 'array',
      types: AS_TEXT,
    })
    const names = result.fields.map(({ name }) => name)
    return {
      command: result.command,
      rowCount: result.rowCount,
      fields: result.fields,
      rows: arrays
        ? result.rows
        : result.rows.map((row) => Object.fromEntries(row.map((value, at) => [names[at] ?? '', value]))),
      rowAsArray: arrays,
    }
  }

  /** One transaction, as Neon runs `transaction([...])`. */
  async function runBatch(client: PoolClient, queries: Query[], headers: Headers, arrays: boolean) {
    const isolation = headers.get('neon-batch-isolation-level') ?? 'ReadCommitted'
    const level = ISOLATION[isolation as keyof typeof ISOLATION]
    const access = headers.get('neon-batch-read-only') === 'true' ? 'read only' : 'read write'
    const late = headers.get('neon-batch-deferrable') === 'true' ? 'deferrable' : 'not deferrable'
    await client.query(`begin isolation level ${level} ${access} ${late}`)
    try {
      const results = []
      for (const query of queries) results.push(await run(client, query, arrays))
      await client.query('commit')
      return results
    } catch (error) {
      await client.query('rollback')
      throw error
    }
  }

  const listener = await listen(answer, { host: '127.0.0.1', port: 0, setting: 'a test' })
  return {
    endpoint: `http://127.0.0.1:${listener.port}/sql`,
    statements,
    async close() {
      await listener.close(0)
      await Promise.all([...pools.values()].map((pool) => pool.end()))
    },
  }
}

const shown = (error: DatabaseError) => ({
  message: error.message,
  ...Object.fromEntries(ERROR_FIELDS.map((name) => [name, error[name] ?? null])),
})
