// Which files belong to the project, for the checks that read all of them.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** @returns the files that git tracks; in a copy without its history, every file that .gitignore does not name */
export function committedFiles(): string[] {
  const listed = spawnSync('git', ['ls-files', '-z'], { encoding: 'utf8' })
  // A file that was deleted and not yet committed is still listed.
  if (listed.status === 0) return listed.stdout.split('\0').filter((path) => path !== '' && existsSync(path))
  const ignored = new Set(
    ['.git', ...readFileSync('.gitignore', 'utf8').split('\n')].map((line) => line.replaceAll('/', '')),
  )
  return readdirSync('.', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.split(sep).some((part) => ignored.has(part)))
}
