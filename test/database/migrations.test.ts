// Databases of every earlier version are migrated to the current schema without loss, the schema equals the migrations, and
// migrations are compatible with the previous version of the program.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Client } from 'pg'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import journal from '../../drizzle/migrations/meta/_journal.json' with { type: 'json' }
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import * as schema from '../../drizzle/schema/index.ts'
import { copyDatabase, createEmptyDatabase } from '../support/database.ts'
import { spawnNode } from '../support/server.ts'
import { bundleOf } from '../support/server-program.ts'

const FOLDER = fileURLToPath(new URL('../../drizzle/migrations', import.meta.url))
const NAMES = journal.entries.map(({ tag }) => tag)
const sqlOf = (name: string) => readFileSync(join(FOLDER, `${name}.sql`), 'utf8')

const clients: Client[] = []
afterEach(() => Promise.all(clients.splice(0).map((client) => client.end())))

async function open(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  await client.connect()
  clients.push(client)
  return client
}

/** A database without rows that goes from version to version. Those of the tests are copies of it. */
let walking = { url: '', version: Number.POSITIVE_INFINITY }

/** A database of the version with this many migrations. */
async function databaseAt(count: number): Promise<{ url: string; client: Client }> {
  if (walking.version > count) walking = { url: await createEmptyDatabase(), version: 0 }
  if (walking.version < count) await migrateTo(count, walking.url)
  walking.version = count
  const url = await copyDatabase(walking.url)
  return { url, client: await open(url) }
}

async function migrateTo(count: number, url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'))
  try {
    mkdirSync(join(folder, 'meta'))
    const entries = journal.entries.slice(0, count)
    for (const { tag } of entries) cpSync(join(FOLDER, `${tag}.sql`), join(folder, `${tag}.sql`))
    writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }))
    await client.connect()
    await migrate(drizzle(client), { migrationsFolder: folder })
  } finally {
    await client.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every part of the schema, in an order that does not depend on its history. */
async function catalogueOf(client: Client): Promise<unknown> {
  const lines = async (query: string) =>
    (await client.query<{ line: string }>(`${query} order by 1`)).rows.map(({ line }) => line)
  return {
    columns:
      await lines(`select format('%s.%s %s %s default %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' else 'null' end, coalesce(pg_get_expr(d.adbin, d.adrelid), '-'), a.attidentity) as line
      from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'r' join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attnum > 0 and not a.attisdropped`),
    indexes: await lines(`select indexdef as line from pg_indexes where schemaname = 'public'`),
    constraints:
      await lines(`select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as line
      from pg_constraint where connamespace = 'public'::regnamespace`),
    enums:
      await lines(`select format('%s %s', t.typname, string_agg(e.enumlabel, ',' order by e.enumsortorder)) as line
      from pg_enum e join pg_type t on t.oid = e.enumtypid group by t.typname`),
    others: await lines(`select format('%s %s', relkind, relname) as line from pg_class
      where relnamespace = 'public'::regnamespace and relkind not in ('i', 't')`),
  }
}

type Column = { table: string; name: string; type: string; label: string | null }

/** Inserts two rows into each table, with a value in each column that has no default and valid references. */
async function fill(client: Client): Promise<void> {
  const { rows } =
    await client.query<Column>(`select c.table_name as "table", c.column_name as name, c.data_type as type,
      (select e.enumlabel from pg_enum e join pg_type t on t.oid = e.enumtypid where t.typname = c.udt_name order by e.enumsortorder limit 1) as label
    from information_schema.columns c where c.table_schema = 'public' and c.column_default is null and c.is_identity = 'NO'`)
  let tables = [...Map.groupBy(rows, ({ table }) => table)]
  for (const row of [1, 2]) {
    // Referenced tables come first. The order is found by retries.
    const ordered: typeof tables = []
    for (let left = tables, tries = 0; left.length > 0 && tries < 10; tries++) {
      const failed: typeof left = []
      for (const entry of left) {
        const [table, columns] = entry
        const names = columns.map(({ name }) => `"${name}"`).join(', ')
        const values = columns.map((column) => valueOf(column, row)).join(', ')
        const insert = columns.length === 0 ? 'default values' : `(${names}) values (${values})`
        await client.query(`insert into "${table}" ${insert} on conflict do nothing`).then(
          () => ordered.push(entry),
          () => failed.push(entry),
        )
      }
      left = failed
      if (tries === 9) expect(left.map(([table]) => table)).toEqual([])
    }
    tables = ordered
  }
}

function valueOf({ label, type }: Column, row: number): string {
  if (label !== null) return `'${label}'`
  if (type === 'uuid') return `'00000000-0000-4000-8000-00000000000${row}'`
  if (type === 'text') return `'text ${row}'`
  if (type === 'jsonb') return `'{}'`
  if (type === 'boolean') return 'false'
  return type.startsWith('timestamp') ? `now()` : String(row)
}

async function countRows(client: Client, tables?: string[]): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public'`,
  )
  const counts = (tables ?? rows.map((row) => row.name)).map(
    (name) => `select '${name}' as name, count(*)::int as n from "${name}"`,
  )
  const counted = await client.query<{ name: string; n: number }>(counts.join(' union all '))
  return Object.fromEntries(counted.rows.map(({ name, n }) => [name, n]))
}

let current: unknown
beforeAll(async () => {
  const url = await createEmptyDatabase()
  expect(await migratePostgres(url)).toEqual({ applied: NAMES, isNewer: false })
  current = await catalogueOf(await open(url))
})

describe('db:migrate', () => {
  test.each(NAMES.map((name, at) => [name, at + 1] as const))(
    'db:migrate from %s reaches the current schema and keeps every row',
    async (_, count) => {
      const { client, url } = await databaseAt(count)
      await fill(client)
      const before = await countRows(client)
      expect(Object.values(before)).not.toContain(0)
      expect((await migratePostgres(url)).applied).toEqual(NAMES.slice(count))
      expect(await catalogueOf(client)).toEqual(current)
      expect(await countRows(client, Object.keys(before))).toEqual(before)
    },
  )

  test('concurrent db:migrate runs apply each migration once', async () => {
    const url = await createEmptyDatabase()
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => migratePostgres(url)))
    expect(outcomes.map(({ applied }) => applied.length).toSorted((a, b) => b - a)).toEqual([
      NAMES.length,
      0,
      0,
      0,
    ])
    expect(await catalogueOf(await open(url))).toEqual(current)
  })

  test('a migration that fails midway changes nothing and says why', async () => {
    const { client, url } = await databaseAt(1)
    const before = await catalogueOf(client)
    // The row of the last migration cannot be inserted.
    const newest = Math.max(...journal.entries.map(({ when }) => when))
    await client.query(
      `alter table drizzle.__drizzle_migrations add constraint no_more_migrations check (created_at < ${newest})`,
    )
    const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), { DATABASE_URL: url })
    expect(await exited).toMatchObject({ code: 1 })
    expect(printed.stderr).toMatch(/^Nothing was migrated: .*no_more_migrations.*\n$/)
    expect(await catalogueOf(client)).toEqual(before)
  })

  test('db:migrate says what it applied and leaves a newer schema alone', async () => {
    const { client, url } = await databaseAt(NAMES.length - 1)
    const run = async () => {
      const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), { DATABASE_URL: url })
      expect({ ...(await exited), ...printed }).toMatchObject({ code: 0, stderr: '' })
      return printed.stdout
    }
    expect(await run()).toBe(`applied ${NAMES.at(-1)}\nThe schema is up to date.\n`)
    const newer = Math.max(...journal.entries.map(({ when }) => when)) + 1
    await client.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', [
      'a-newer-migration',
      newer,
    ])
    expect(await run()).toMatch(/^The schema is from a newer version and was not changed/)
    expect(await catalogueOf(client)).toEqual(current)
  })
})

test('the schema and the migrations describe the same tables', async () => {
  const last = `${String(NAMES.length - 1).padStart(4, '0')}_snapshot.json`
  const snapshot = JSON.parse(readFileSync(join(FOLDER, 'meta', last), 'utf8')) as Parameters<
    typeof generateMigration
  >[0]
  expect(await generateMigration(snapshot, generateDrizzleJson({ ...schema }, snapshot.id))).toEqual([])
})

// During a deploy, and after it was rolled back, the previous version of the program runs on the new schema.
test('migrations only add', () => {
  const ADDITIONS = [
    /^create (type|table|(unique )?index)/i,
    // Only time depends on an index that is not unique.
    /^drop index/i,
    /^insert into/i,
    /^alter table \S+ add column (?!.*not null)/i,
    /^alter table \S+ add column .* default /i,
    /^alter table \S+ add constraint/i,
    /^alter table \S+ alter column \S+ drop not null/i,
    /^alter type \S+ add value/i,
  ]
  const statements = NAMES.flatMap((name) =>
    sqlOf(name)
      .split('--> statement-breakpoint')
      .map((text) => text.replace(/^--.*$/gm, '').trim())
      .filter(Boolean)
      .map((text) => `${name}: ${text}`),
  )
  const statementOf = (line: string) => line.replace(/^\w+: /, '')
  expect(statements.filter((line) => !ADDITIONS.some((form) => form.test(statementOf(line))))).toEqual([])
})
