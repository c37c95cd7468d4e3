// Programs of others that proofs need: what each is made of, and how it is installed into a cache from its own registry.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const GO_SOURCE = fileURLToPath(new URL('../../test/field/foreign/go', import.meta.url))
const WEB = [
  'fastapi==0.165.0',
  'starlette==1.10.0',
  'uvicorn==0.54.0',
  'httpx==0.28.1',
  'sse-starlette==3.7.0',
]

/** A part that could not be installed, although its tool exists. */
export class NotInstalled extends Error {
  override name = 'NotInstalled'
}

/** The tool that installs a part is not on this machine, so its tests are skipped. */
export class Unavailable extends Error {
  override name = 'Unavailable'
}

export type Part = {
  /** What it is installed from. When it changes, the part is installed anew. */
  recipe: string[]
  /** @returns the path of the program */
  install: (directory: string, recipe: string[]) => string
}

/** Packages of PyPI in a virtual environment. The path of the part is its Python. */
export const python = (...packages: string[]): Part => ({ recipe: packages, install: installPython })

/** Packages of npm in a folder of their own. The path of the part is that folder. */
export const npm = (...packages: string[]): Part => ({ recipe: packages, install: installNpm })

const debian = (program: string, ...packages: string[]): Part => ({
  recipe: packages,
  install: (directory) => installDebian(directory, packages, program),
})

/** Every part of the field tests, by the name that they know it by. */
export const PARTS: Record<string, Part> = {
  'python-0.2': python('a2a-sdk==0.2.16', ...WEB),
  'python-0.3': python('a2a-sdk[http-server]==0.3.26', ...WEB),
  'python-1': python('a2a-sdk[http-server]==1.3.0', ...WEB, 'standardwebhooks==1.1.0'),
  fasta2a: python('fasta2a==2.1.1', ...WEB),
  'python-a2a': python('python-a2a==0.5.10'),
  go: {
    recipe: [
      readFileSync(join(GO_SOURCE, 'go.mod'), 'utf8'),
      readFileSync(join(GO_SOURCE, 'main.go'), 'utf8'),
    ],
    install: installGo,
  },
  pgbouncer: debian('usr/sbin/pgbouncer', 'pgbouncer', 'libc-ares2', 'libevent-2.1-7'),
  promtool: debian('usr/bin/promtool', 'prometheus'),
}

/** @throws NotInstalled, Unavailable */
export function preparePart(
  cache: string,
  name: string,
  { install, recipe }: Part,
): { path: string; isNew: boolean } {
  const directory = join(cache, name)
  const stamp = join(directory, 'installed.json')
  if (existsSync(stamp)) {
    const installed = JSON.parse(readFileSync(stamp, 'utf8')) as { recipe: string[]; path: string }
    if (JSON.stringify(installed.recipe) === JSON.stringify(recipe))
      return { path: installed.path, isNew: false }
  }
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const path = install(directory, recipe)
  writeFileSync(stamp, JSON.stringify({ recipe, path }))
  return { path, isNew: true }
}

function installPython(directory: string, packages: string[]): string {
  need('python3')
  run('python3', ['-m', 'venv', directory])
  run(join(directory, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages])
  return join(directory, 'bin', 'python')
}

function installNpm(directory: string, packages: string[]): string {
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], directory)
  return directory
}

function installGo(directory: string): string {
  need('go')
  const path = join(directory, 'a2a')
  run('go', ['build', '-o', path, '.'], GO_SOURCE)
  return path
}

/** Debian's packages are unpacked into the cache, so that no right to install is needed. */
function installDebian(directory: string, packages: string[], program: string): string {
  need('apt-get')
  need('dpkg-deb')
  run('apt-get', ['download', '--quiet', ...packages], directory)
  const files = readdirSync(directory).filter((name) => name.endsWith('.deb'))
  for (const file of files) run('dpkg-deb', ['--extract', file, '.'], directory)
  return join(directory, program)
}

function need(tool: string): void {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' })
  } catch {
    throw new Unavailable(`${tool} is not on this machine`)
  }
}

function run(command: string, args: string[], cwd?: string): void {
  try {
    execFileSync(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
  } catch (error) {
    const { stderr, stdout } = error as { stderr?: string; stdout?: string }
    const lines = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n')
    throw new NotInstalled(`${command} ${args[0] ?? ''} failed: ${lines.at(-1) ?? String(error)}`)
  }
}
