// The embedded database: a real Postgres inside this process, in a directory or in memory. Node and tests only.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import type { OpenDatabase } from './database.ts'

const migrationsFolder = fileURLToPath(new URL('migrations', import.meta.url))

/**
 * Opens (and migrates) a PGlite database. Without a directory it lives in memory.
 * @throws DirectoryInUse when another process has it open: two would destroy each other's data
 */
export async function connectPglite(directory?: string): Promise<OpenDatabase> {
  const unlock = directory === undefined ? () => {} : lock(directory)
  const client = await PGlite.create(directory)
  const db = drizzle(client, { casing: 'snake_case' })
  await migrate(db, { migrationsFolder })
  return {
    db,
    driver: 'pglite',
    close: async () => {
      await client.close()
      unlock()
    },
  }
}

export class DirectoryInUse extends Error {
  override name = 'DirectoryInUse'
}

// A file with the owner's process id. A process that was killed leaves it behind, so the id is checked for life.
function lock(directory: string): () => void {
  mkdirSync(directory, { recursive: true })
  const path = `${directory}.lock`
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const owner = Number(readFileSync(path, 'utf8'))
    if (owner !== process.pid && isAlive(owner)) {
      throw new DirectoryInUse(
        `${directory} is open in process ${owner}: stop it, or set DATA_DIR to another directory`,
      )
    }
    writeFileSync(path, String(process.pid))
  }
  return () => rmSync(path, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
