// `npm run check:supply`: what we take from others, and what we must not give away. The lockfile names every package with its
// digest, from the registry and nowhere else; package.json decides for each install script whether it may run; and no
// committed file holds what looks like a key.
import { readFileSync } from 'node:fs'
import { committedFiles } from './committed-files.ts'
import { findKeys } from './secret-scan.ts'

type Locked = {
  version?: string
  resolved?: string
  integrity?: string
  hasInstallScript?: boolean
  link?: boolean
}

const { allowScripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  /** Which packages may run a script when they are installed, and which may not. npm 11.16 and newer follow it. */
  allowScripts: Record<string, boolean>
}

const problems = [...lockfileProblems(), ...keyProblems()]
for (const problem of problems) process.stderr.write(`${problem}\n`)
if (problems.length === 0) process.stdout.write('Packages are pinned by digest, and no file holds a key.\n')
process.exit(problems.length === 0 ? 0 : 1)

function lockfileProblems(): string[] {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }
  return Object.entries(lock.packages).flatMap(([path, locked]) => {
    if (path === '' || locked.link === true) return []
    const name = path.split('node_modules/').at(-1) ?? path
    const found: string[] = []
    // Left out by .npmrc for what comes from the registry: the digest says what it is, whichever mirror it comes from.
    if (locked.resolved !== undefined)
      found.push(`${path} does not come from the npm registry, or .npmrc was not read: ${locked.resolved}`)
    if (locked.integrity?.startsWith('sha512-') !== true) found.push(`${path} has no sha512 digest`)
    if (locked.hasInstallScript === true && !Object.hasOwn(allowScripts, name))
      found.push(
        `${path} has an install script: read it, and allow or deny it in package.json (npm install-scripts approve or deny)`,
      )
    return found
  })
}

function keyProblems(): string[] {
  return committedFiles().flatMap((file) =>
    findKeys(readFileSync(file, 'latin1')).map(({ kind, line }) => `${file}:${line} looks like ${kind}`),
  )
}
