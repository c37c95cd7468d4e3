// Everything a verb may touch outside itself, as one value that the entries compose and every verb receives.
import type { Database } from '../drizzle/database.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { Provisioner } from './provisioner/provisioner.ts'

export type Services = {
  config: Config
  db: Database
  /** The database driver's name, for `/healthz`. */
  driver: string
  provisioner: Provisioner
  fetch: typeof fetch
  now: () => Date
  log: Log
  /** Milliseconds; interruptible. Tests make it short. */
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}
