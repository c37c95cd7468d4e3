// The directory for the data of databases in a test run. In memory, a copy of a database and its removal need a fraction of the
// processor time that a disk's file system takes, and no test needs more than that files outlive the process that wrote them.
import { accessSync, constants, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { isInRun } from './once-in-run.ts'

/** Memory that Linux offers as a directory; a container may have little of it. */
const MEMORY = '/dev/shm'

/** What all databases of a run need, with room to spare. */
const LEAST_BYTES = 6 * 2 ** 30

export const dataParent = (): string => (isInRun() && hasMemory() ? MEMORY : tmpdir())

function hasMemory(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    return Math.min(bavail * bsize, freemem()) >= LEAST_BYTES
  } catch {
    return false
  }
}
