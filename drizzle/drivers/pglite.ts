// The embedded database: Postgres inside this process, in a directory or in memory. For Node and tests.
import { statfs } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { type OpenDatabase, type Statement, watched } from '../database.ts'
import { lockDirectory } from './directory-lock.ts'
import { withRowsAtOnce } from './read-rows.ts'

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

export type PgliteOptions = {
  watch?: ((statement: Statement) => void) | undefined
  /** Free space of the directory's disk below which `checkDisk` reports it. */
  minFreeBytes?: number
}

/** Below this, larger statements soon fail: the write-ahead log alone grows by 16 MB at a time. */
const MIN_FREE_BYTES = 64 * 1024 * 1024

/**
 * Postgres fills its buffers while it starts, and keeps them. The system caches the same files, so the default of 128 MB makes nothing
 * faster.
 */
const START_PARAMETERS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']

/**
 * V8 would soon optimize Postgres' parser of SQL, one function of 105 kB, and take 3.5 s of processor time and 600 MB for it. Without
 * optimized WebAssembly the statements of this service take as long, and a scan of a large table takes a third longer. Node's HTTP
 * client, which parses with WebAssembly too, is as fast.
 */
const WITHOUT_OPTIMIZER = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']

/**
 * Opens and migrates a PGlite database. Without a directory it is in memory.
 * @throws DirectoryInUse while another process has the directory open, because two would destroy each other's data
 */
export async function connectPglite(
  directory?: string,
  { minFreeBytes = MIN_FREE_BYTES, watch }: PgliteOptions = {},
): Promise<OpenDatabase> {
  const unlock = directory === undefined ? undefined : await lockDirectory(directory)
  for (const flag of WITHOUT_OPTIMIZER) setFlagsFromString(flag)
  const client = await PGlite.create(directory, { startParams: START_PARAMETERS })
  const db = withRowsAtOnce(drizzle(client, { casing: 'snake_case' }))
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
