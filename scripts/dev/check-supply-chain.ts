// `npm run check:supply`: checks dependencies and secrets. The lockfile must name every package with its digest and only from
// the registry, package.json must allow or deny each install script, and no committed file may contain text that looks like
// a key.
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
if (problems.length === 0)
  process.stdout.write('Packages are pinned by digest, and no file contains a key.\n')
process.exit(problems.length === 0 ? 0 : 1)

function lockfileProblems(): string[] {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }
  return Object.entries(lock.packages).flatMap(([path, locked]) => {
    // A folder of this repository is no package from a registry.
    if (!path.includes('node_modules/') || locked.link === true) return []
    const name = path.split('node_modules/').at(-1) ?? path
    const found: string[] = []
    // .npmrc omits the URL of packages from the registry: the digest identifies them, whatever the mirror.
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
