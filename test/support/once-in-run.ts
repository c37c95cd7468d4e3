// Makes a directory once in a test run, however many processes and files of the run need it. The run removes it at its end.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { guardDirectory } from './child-guard.ts'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url))

/** Node's default directory for compiled code. With it a process starts in less time. */
export const COMPILE_CACHE = join(tmpdir(), 'node-compile-cache')

/** The variable that the processes of a run inherit. */
const VARIABLE = 'TEST_RUN_DIRECTORY'

/** Whether this process belongs to a test run. Scripts use some of what is for tests. */
export const isInRun = () => process.env[VARIABLE] !== undefined

/** The environment by which a process that is given no other belongs to the run of this one, if there is one. */
export function runEnv(): Record<string, string> {
  const directory = process.env[VARIABLE]
  return directory === undefined ? {} : { [VARIABLE]: directory }
}

/** Begins a run, which ends with this process. Its directory is below the packages, so that code in it finds them. */
export function beginRun(): void {
  mkdirSync(CACHE, { recursive: true })
  const directory = mkdtempSync(join(CACHE, 'test-run-'))
  guardDirectory(directory)
  // Without it Node parses each program in the directory once more, to find out that it is a module.
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  process.env[VARIABLE] = directory
  process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE
}

/**
 * @param make fills the directory that it is given
 * @returns the directory, which is only to be read
 */
export async function onceInRun(
  name: string,
  make: (directory: string) => Promise<unknown>,
): Promise<string> {
  if (!isInRun()) beginRun()
  const directory = join(process.env[VARIABLE] ?? '', name)
  const lock = `${directory}.lock`
  // One process makes it while the others wait. If that fails, the next one tries.
  while (!existsSync(directory)) {
    if (!take(lock)) {
      await sleep(50)
      continue
    }
    try {
      if (existsSync(directory)) continue
      const draft = mkdtempSync(`${directory}-`)
      await make(draft)
      renameSync(draft, directory)
    } finally {
      rmdirSync(lock)
    }
  }
  return directory
}

function take(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}
