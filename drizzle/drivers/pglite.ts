// The embedded database: Postgres inside this process, in a directory or in memory. For Node and tests.
import { statfs } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { type OpenDatabase, type Statement, watched } from '../database.ts'
import { lockDirectory } from './directory-lock.ts'

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

export type PgliteOptions = {
  watch?: ((statement: Statement) => void) | undefined
  /** Free space of the directory's disk below which `checkDisk` reports it. */
  minFreeBytes?: number
}

/** Below this, larger statements soon fail: the write-ahead log alone grows by 16 MB at a time. */
const MIN_FREE_BYTES = 64 * 1024 * 1024

/**
 * Opens and migrates a PGlite database. Without a directory it is in memory.
 * @throws DirectoryInUse while another process has the directory open, because two would destroy each other's data
 */
export async function connectPglite(
  directory?: string,
  { minFreeBytes = MIN_FREE_BYTES, watch }: PgliteOptions = {},
): Promise<OpenDatabase> {
  const unlock = directory === undefined ? undefined : await lockDirectory(directory)
  const client = await PGlite.create(directory)
  const db = drizzle(client, { casing: 'snake_case' })
  await migrate(db, { migrationsFolder })
  if (watch !== undefined) client.query = watched(client.query.bind(client), watch) as typeof client.query
  return {
    db,
    driver: 'pglite',
    async checkDisk() {
      if (directory === undefined) return undefined
      const { bavail, bsize } = await statfs(directory)
      const free = bavail * bsize
      if (free >= minFreeBytes) return undefined
      return `the disk of the embedded database has only ${Math.floor(free / 1024 / 1024)} MB free`
    },
    close: async () => {
      await client.close()
      await unlock?.()
    },
  }
}
