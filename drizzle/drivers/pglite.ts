// The embedded database: Postgres inside this process, in a directory or in memory. For Node and tests.
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { type OpenDatabase, type Statement, watched } from '../database.ts'
import { lockDirectory } from './directory-lock.ts'

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

/**
 * Opens and migrates a PGlite database. Without a directory it is in memory.
 * @throws DirectoryInUse while another process has the directory open, because two would destroy each other's data
 */
export async function connectPglite(
  directory?: string,
  watch?: (statement: Statement) => void,
): Promise<OpenDatabase> {
  const unlock = directory === undefined ? undefined : await lockDirectory(directory)
  const client = await PGlite.create(directory)
  const db = drizzle(client, { casing: 'snake_case' })
  await migrate(db, { migrationsFolder })
  if (watch !== undefined) client.query = watched(client.query.bind(client), watch) as typeof client.query
  return {
    db,
    driver: 'pglite',
    close: async () => {
      await client.close()
      await unlock?.()
    },
  }
}
