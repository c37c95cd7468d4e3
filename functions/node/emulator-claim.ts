// The claim of this server's embedded emulator on the database: its id, which is kept beside its machines, and the renewal
// of the claim while the server runs.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  claimEmulator,
  type EmulatorIdentity,
  EmulatorInUse,
  endEmulatorClaim,
  renewEmulatorClaim,
  RENEWAL_MS,
} from '../../lib/control-plane/emulator-claim.ts'
import type { Database } from '../../drizzle/database.ts'
import type { Log } from '../../lib/platform/log.ts'
import { sleep } from '../../lib/platform/sleep.ts'
import { makeDirectory } from './make-directory.ts'

/**
 * The id of the emulator that keeps its machines in a directory. A copy of the directory is another emulator: the file
 * names its own inode.
 */
export function readEmulatorId(directory: string): string {
  const path = join(directory, 'emulator-id')
  makeDirectory(directory)
  try {
    const [inode, id] = readFileSync(path, 'utf8').trim().split(' ')
    if (id !== undefined && inode === String(statSync(path).ino)) return id
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    writeFileSync(path, '')
  }
  const id = crypto.randomUUID()
  writeFileSync(path, `${statSync(path).ino} ${id}\n`)
  return id
}

/**
 * Claims the database and keeps the claim. When another emulator has taken it over, the process ends as at SIGTERM, with 2.
 * @param isReachable false: the database cannot be used yet, and is claimed as soon as it can
 * @throws EmulatorInUse
 */
export async function keepEmulatorClaim(
  db: Database,
  identity: EmulatorIdentity,
  { isReachable, log }: { isReachable: boolean; log: Log },
): Promise<{ end(): Promise<void> }> {
  const context = { db, log, sleep, now: () => new Date(), steady: () => performance.now() }
  let isClaimed = false
  if (isReachable) await claimOrRenew()
  const stop = new AbortController()
  const kept = keep()

  /** @throws EmulatorInUse; other failures are those of the database, which the sweep reports */
  async function claimOrRenew(): Promise<void> {
    try {
      await (isClaimed ? renewEmulatorClaim(context, identity) : claimEmulator(context, identity))
      isClaimed = true
    } catch (error) {
      if (error instanceof EmulatorInUse) throw error
      log('debug', 'the claim of the emulator could not be renewed', { error })
    }
  }

  async function keep(): Promise<void> {
    for (;;) {
      await sleep(RENEWAL_MS, stop.signal)
      if (stop.signal.aborted) return
      try {
        await claimOrRenew()
      } catch (error) {
        return endProcess(error as EmulatorInUse)
      }
    }
  }

  function endProcess({ message }: EmulatorInUse): void {
    log('error', message)
    process.exitCode = 2
    process.kill(process.pid, 'SIGTERM')
  }

  return {
    async end() {
      stop.abort()
      await kept
      await endEmulatorClaim(context, identity).catch((error: unknown) =>
        log('debug', 'the claim of the emulator could not be ended', { error }),
      )
    },
  }
}
