// Which packages npm would install for a manifest of this repository, read from the lockfile, so that a test can lay them out
// without a network.
import { existsSync, linkSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

type Locked = {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

/**
 * @param manifest the folder of a package.json in the lockfile: empty for the published package
 * @returns paths such as `node_modules/zod`, without development packages and without those of other systems
 */
export function lockedPackages(manifest: '' | 'packages/server'): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>
  }
  const found = new Set<string>()
  const pending = [manifest as string]
  for (const path of pending) {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      packages[path] ?? {}
    const peers = Object.keys(peerDependencies ?? {}).filter(
      (name) => peerDependenciesMeta?.[name]?.optional !== true,
    )
    for (const name of [
      ...Object.keys(dependencies ?? {}),
      ...Object.keys(optionalDependencies ?? {}),
      ...peers,
    ]) {
      const at = resolveFrom(path, name, packages)
      if (at === undefined && optionalDependencies?.[name] !== undefined) continue
      if (at === undefined) throw new Error(`${name}, which ${path} needs, is not in package-lock.json`)
      if (found.has(at) || !existsSync(join(ROOT, at))) continue
      found.add(at)
      pending.push(at)
    }
  }
  return [...found]
}

/** As Node resolves a package: in the folder itself, then in each folder above it. */
function resolveFrom(path: string, name: string, packages: Record<string, unknown>): string | undefined {
  for (let folder = path; ; folder = dirname(folder)) {
    const at = join(folder, 'node_modules', name)
    if (packages[at] !== undefined) return at
    if (folder === '' || folder === '.') return undefined
  }
}

/** Lays these packages out in a folder, with links where possible, because they are many files. */
export function copyLockedPackages(paths: readonly string[], directory: string): void {
  for (const path of paths) cloneTree(join(ROOT, path), join(directory, path))
}

/** Nested packages have entries of their own in the lockfile. */
function cloneTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) cloneTree(source, target)
    else cloneFile(source, target)
  }
}

function cloneFile(source: string, target: string): void {
  try {
    linkSync(source, target)
  } catch {
    cpSync(source, target)
  }
}
