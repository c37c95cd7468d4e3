// Creates a migrated database for each harness in the Postgres of the test run. Migrations run once; every other database is a
// copy of that one.
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'
import { connectPglite } from '../../drizzle/drivers/pglite.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { TARGET } from './test-target.ts'

const TEMPLATE = 'workspaces_template'

export async function openTestDatabase(): Promise<OpenDatabase> {
  return TARGET === 'pglite' ? connectPglite() : connectPostgres(await createPostgresDatabase(), { max: 8 })
}

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
export async function createEmptyDatabase(): Promise<string> {
  const server = inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await withClient(server, (client) => client.query(`create database ${name}`))
  return urlOf(server, name)
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
