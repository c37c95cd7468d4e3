// Gives each harness a migrated database without rows in the Postgres of the test run. Migrations run once; every other database is a
// copy of that one. A process empties the databases of its harnesses and uses them again over the same connections, which costs far
// less than a copy and new connections, and builds each prepared statement once for all of them.
import { randomUUID } from 'node:crypto'
import { Client, DatabaseError } from 'pg'
import { inject } from 'vitest'
import { connectPglite } from '../../drizzle/drivers/pglite.ts'
import { databaseOn, openPool, type PostgresPool } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { overClient } from '../../drizzle/over-client.ts'
import { TARGET } from './test-target.ts'

const TEMPLATE = 'workspaces_template'

/** Databases of this process that no test uses now. */
const free: PostgresPool[] = []

/** Prepared statements are built for this one (drizzle/over-client.ts), and sent by the databases of the harnesses. */
const builder = databaseOn({
  send: () => Promise.reject(new Error('this database only builds statements')),
  close: () => Promise.resolve(),
})

export async function openTestDatabase(): Promise<OpenDatabase> {
  if (TARGET === 'pglite') return connectPglite()
  const pool = (await reusePool()) ?? openPool(await createPostgresDatabase(), { max: 8 })
  const running = new Set<Promise<unknown>>()
  let isOpen = true
  /** Work that outlives the test of this database must not reach that of the next one. */
  const send: PostgresPool['send'] = async (...statement) => {
    if (!isOpen) throw new Error('this database is closed')
    const answer = pool.send(...statement)
    running.add(answer)
    return answer.finally(() => running.delete(answer))
  }
  return {
    ...builder,
    db: overClient(builder.db, { query: send }),
    async close() {
      isOpen = false
      await Promise.allSettled(running)
      free.push(pool)
    },
  }
}

/** @returns a pool of an emptied database. One that cannot be emptied, because a test has changed its tables, is not used again. */
async function reusePool(): Promise<PostgresPool | undefined> {
  for (let pool = free.pop(); pool !== undefined; pool = free.pop()) {
    try {
      await pool.send({ text: EMPTY })
      return pool
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error
      await pool.close()
    }
  }
  return undefined
}

/**
 * Makes a database as the migrations leave it. Only tables that were used are emptied, and by `delete`, because `truncate` makes
 * their files anew.
 */
const EMPTY = `do $$
  declare
    name text;
  begin
    if exists (select from pg_trigger where not tgisinternal) then
      raise exception 'a test has added a trigger';
    end if;
    -- A statement that nobody waits for any more may still run.
    perform pg_terminate_backend(pid, 10000) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle';
    set local session_replication_role = replica;
    for name in select oid::regclass::text from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and pg_relation_size(oid) > 0
    loop
      execute 'delete from ' || name;
    end loop;
    -- Unlike a restart of the sequence this makes no new file.
    perform setval(format('%I', sequencename), start_value, false) from pg_sequences
      where schemaname = 'public' and last_value is not null;
    insert into control_plane default values;
  end $$`

/** @returns the connection string of a new, migrated database */
export async function createPostgresDatabase(): Promise<string> {
  const server = inject('postgresUrl')
  const client = new Client({ connectionString: server })
  await client.connect()
  try {
    // Test files run in parallel: the first one creates the template while the others wait.
    await client.query('select pg_advisory_lock(1)')
    const { rowCount } = await client.query('select from pg_database where datname = $1', [TEMPLATE])
    if (rowCount === 0) {
      await client.query(`create database ${TEMPLATE}_new`)
      await migratePostgres(urlOf(server, `${TEMPLATE}_new`))
      await client.query(`alter database ${TEMPLATE}_new rename to ${TEMPLATE}`)
    }
    const name = `test_${randomUUID().replaceAll('-', '')}`
    await client.query(`create database ${name} template ${TEMPLATE}`)
    const url = urlOf(server, name)
    // Each control plane needs its own identity.
    await withClient(url, (copy) => copy.query('update control_plane set id = gen_random_uuid()'))
    return url
  } finally {
    await client.end()
  }
}

/** @returns the connection string of a new database without tables */
export const createEmptyDatabase = () => copyDatabase(urlOf(inject('postgresUrl'), 'template1'))

/**
 * @param url of a database of the test run that nobody is connected to
 * @returns the connection string of a copy
 */
export async function copyDatabase(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const template = new URL(url).pathname.slice(1)
  await withClient(inject('postgresUrl'), (client) =>
    client.query(`create database ${name} template ${template}`),
  )
  return urlOf(url, name)
}

async function withClient(url: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

function urlOf(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}
