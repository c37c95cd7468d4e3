// Which Node is needed is stated in package.json, and every other place that names a version agrees with it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (name: string) => readFileSync(`${ROOT}/${name}`, 'utf8')
const { devDependencies, engines, scripts } = JSON.parse(read('package.json')) as {
  devDependencies: Record<string, string>
  engines: { node: string }
  scripts: Record<string, string>
}

/** Runs the check of the version as a Node of that version would. */
function checkOn(version: string) {
  const script = `Object.defineProperty(process, 'version', { value: 'v${version}' }); require('./commands/require-node.cjs')`
  const { status, stderr } = spawnSync(process.execPath, ['--eval', script], { cwd: ROOT, encoding: 'utf8' })
  return { status, stderr }
}

test.each(['18.20.8', '20.20.2', '22.18.0'])(
  'Node %s is refused with the version that is needed',
  (version) => {
    const { status, stderr } = checkOn(version)
    expect(status).toBe(2)
    expect(stderr).toContain(`Node ${version} is too old: this needs Node ${engines.node.slice(2)} or newer`)
  },
)

test.each(['22.19.0', '24.0.0', '26.10.0'])('Node %s is accepted without a word', (version) => {
  expect(checkOn(version)).toEqual({ status: 0, stderr: '' })
})

test('every npm script that needs no development package checks the version of Node first', () => {
  const names = Object.keys(scripts).filter((name) =>
    /node (commands|drizzle|functions)\/\S+\.ts/.test(scripts[name] ?? ''),
  )
  expect(names.toSorted()).toEqual(['db:migrate', 'doctor', 'prepare', 'secrets:rotate', 'tutorial'])
  for (const name of names) expect(scripts[name]).toMatch(/^node commands\/require-node\.cjs && /)
  expect(read('commands/start.cjs')).toMatch(/^(\/\/.*\n)+require\('\.\/require-node\.cjs'\)\n/)
})

test('CI also runs the server on the oldest supported Node', () => {
  const [, oldest] = /node-version: '([\d.]+)'/.exec(read('.github/workflows/ci.yml')) ?? []
  expect(`>=${oldest}`).toBe(engines.node)
})

test('npm start replaces its shell, so that SIGTERM reaches the server', () => {
  expect(scripts['start']).toBe('exec node commands/start.cjs')
})

test('.nvmrc, the Dockerfile and the Node that npm ci installs are of one major version', () => {
  const recommended = read('.nvmrc').trim()
  expect(devDependencies['node']).toMatch(new RegExp(`^\\^${recommended}\\.`))
  expect([...read('Dockerfile').matchAll(/^FROM node:(\d+)/gm)].map(([, major]) => major)).toEqual([
    recommended,
    recommended,
  ])
})
