// Migrations while replicas run: the newest one is missing at the start and is applied under load, `db:migrate` runs again and
// again, and at last the migration of a version that the replicas do not know.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Client } from 'pg'
import { migratePostgres } from '../../../drizzle/drivers/migrate-postgres.ts'
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../drizzle/migrations', import.meta.url))

/** How long a migration may wait for a database with a fault, in milliseconds. */
const WAIT_MS = 60_000

/** What a later version might do: it only adds, and it locks the tables that replicas write to. */
const NEXT_VERSION = `ALTER TABLE "workspaces" ADD COLUMN "of_the_next_version" text;
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "of_the_next_version" text;
--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "of_the_next_version" integer DEFAULT 1 NOT NULL;
--> statement-breakpoint
CREATE INDEX "events_of_the_next_version" ON "events" ("of_the_next_version");`

type Entry = { idx: number; version: string; when: number; tag: string; breakpoints: boolean }

/** Applies all migrations but the newest to an empty database. */
export const migrateToVersionBefore = (url: string): Promise<void> =>
  migrateWith(url, (entries) => entries.slice(0, -1))

/** @param url the server, or a relay to it */
export const migrations = (url: string, chance: Chance): Fault => ({
  name: 'migrations',
  async run(over) {
    let count = 0
    await chance.pause(2_000, 8_000)
    for (;;) {
      await migratePostgres(url, { waitMs: WAIT_MS })
      count++
      await chance.pause(15_000, 45_000)
      if (over.aborted) break
      if (chance.hit(0.5)) {
        // Without a retry it may fail, and then it must have changed nothing.
        await migrateWith(url, withNextVersion).then(
          () => count++,
          () => {},
        )
      }
    }
    return count
  },
})

const withNextVersion = (entries: Entry[], folder: string): Entry[] => {
  const last = entries.at(-1)
  if (last === undefined) return entries
  const next = { ...last, idx: last.idx + 1, when: last.when + 1, tag: 'next_version' }
  writeFileSync(join(folder, `${next.tag}.sql`), NEXT_VERSION)
  return [...entries, next]
}

/** Migrates with a changed journal. */
async function migrateWith(
  url: string,
  change: (entries: Entry[], folder: string) => Entry[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-migrations-'))
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    cpSync(MIGRATIONS, folder, { recursive: true })
    const path = join(folder, 'meta/_journal.json')
    const journal = JSON.parse(readFileSync(path, 'utf8')) as { entries: Entry[] }
    const entries = change(journal.entries, folder)
    writeFileSync(path, JSON.stringify({ ...journal, entries }))
    await migrate(drizzle(client), { migrationsFolder: folder })
  } finally {
    await client.end()
    rmSync(folder, { recursive: true, force: true })
  }
}
