// Makes a directory and those above it. Node does that itself with `recursive`, and does not end below /proc, which refuses a directory as
// one that is missing.
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

export function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another worker has made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
