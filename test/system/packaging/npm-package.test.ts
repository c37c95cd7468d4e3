// The published package: what `npm pack` puts into it, and that it works in an empty folder with the packages that its manifest
// names and no others.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyLockedPackages, lockedPackages } from '../../support/locked-packages.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

type Manifest = { bin: Record<string, string>; dependencies: Record<string, string>; version: string }
const manifest = JSON.parse(read('package.json')) as Manifest
const server = JSON.parse(read('packages/server/package.json')) as Manifest

let folder: string
let app: string
let packed: string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'npm-package-'))
  const source = join(folder, 'source')
  mkdirSync(source)
  for (const name of ['package.json', 'README.md', 'LICENSE']) cpSync(join(ROOT, name), join(source, name))
  // Compiled here and not in the shared dist/, which other tests read.
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [
    compiler,
    '-p',
    join(ROOT, 'tsconfig.build.json'),
    '--outDir',
    join(source, 'dist/npm'),
  ])
  cpSync(join(ROOT, 'client/api.d.ts'), join(source, 'dist/npm/client/api.d.ts'))
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: source,
    encoding: 'utf8',
  })
  const [{ filename, files }] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }]
  packed = files.map(({ path }) => path)

  app = join(folder, 'app')
  const installed = join(app, 'node_modules/molecule-fly')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
  copyLockedPackages(lockedPackages(''), app)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs Node in the empty folder. */
function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: app,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder },
  })
  return { status, stdout, stderr }
}

test('the package has the command line, the client, MCP, and nothing of the server', () => {
  expect(packed).toEqual(
    expect.arrayContaining([
      'package.json',
      'README.md',
      'LICENSE',
      manifest.bin['molecule-fly'],
      'dist/npm/client/api.d.ts',
    ]),
  )
  const expected = /^(package\.json|README\.md|LICENSE|dist\/npm\/(cli|client|mcp)\/[a-z/-]+\.(js|d\.ts))$/
  expect(packed.filter((path) => !expected.test(path))).toEqual([])
})

test('the command line of the package prints its help and its version', () => {
  const help = run(join('node_modules/molecule-fly', manifest.bin['molecule-fly'] ?? ''), '--help')
  expect(help).toMatchObject({ status: 0, stderr: '' })
  for (const command of ['login', 'create', 'chat', 'logs', 'rm', 'mcp'])
    expect(help.stdout).toMatch(new RegExp(`^ +${command}\\b`, 'm'))
  const version = run(join('node_modules/molecule-fly', manifest.bin['molecule-fly'] ?? ''), '--version')
  expect(version.stdout).toBe(`${manifest.version}\n`)
})

test('the package is imported by its names, and its types are found', () => {
  const program = `
    import { createClient } from 'molecule-fly/client'
    import { connectToAgent } from 'molecule-fly/client/agent'
    const client = createClient({ url: 'http://127.0.0.1:1' })
    console.log(typeof client.createWorkspace, typeof connectToAgent)`
  writeFileSync(join(app, 'program.mjs'), program)
  expect(run('program.mjs')).toEqual({ status: 0, stdout: 'function function\n', stderr: '' })
  writeFileSync(join(app, 'program.mts'), `${program}\nclient.createWorkspace({ name: 1 })`)
  const types = run(
    join(ROOT, 'node_modules/typescript/bin/tsc'),
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--skipLibCheck',
    '--types',
    '',
    'program.mts',
  )
  expect(types.stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/program\.mts.*TS2322: Type 'number'/),
  ])
})

/** The packages that the sources of these folders import. */
function importsOf(...folders: string[]): string[] {
  const sources = folders.flatMap((name) =>
    readdirSync(join(ROOT, name), { recursive: true, encoding: 'utf8' })
      .map((path) => join(name, path))
      .filter(
        (path) =>
          path.endsWith('.ts') &&
          !/^(lib\/emulator|drizzle\/config|lib\/fly\/machines-openapi|commands\/build)/.test(path),
      ),
  )
  const names = sources.flatMap((path) =>
    [
      ...read(path).matchAll(/(?:^import|^(?:import|export|\}).* from|\bimport\() ?'([a-z@][\w@/.-]*)'/gm),
    ].map(([, name = '']) => name),
  )
  return [
    ...new Set(
      names.map((name) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
    ),
  ].toSorted()
}

test('the published manifest names what the command line, the client and MCP import, and nothing else', () => {
  expect(importsOf('cli', 'client', 'mcp')).toEqual(Object.keys(manifest.dependencies))
})

test('the manifest of the server names every package that it imports', () => {
  const imported = importsOf('functions', 'lib', 'drizzle', 'commands', 'mcp', 'client')
  // The client of an agent is for users: the server does not load it.
  const missing = imported.filter((name) => server.dependencies[name] === undefined && name !== '@a2a-js/sdk')
  expect(missing).toEqual([])
})

test('a package that both manifests name has one version in them', () => {
  for (const [name, range] of Object.entries(manifest.dependencies)) {
    expect(server.dependencies[name] ?? range).toBe(range)
  }
})
