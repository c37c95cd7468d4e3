// compose.yaml, without Docker: its services belong together, and its commands, run here as they are written there, make a server on
// which the tutorial works without a token. `docker compose config` checks the file where it is installed.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { Environment } from '../../../lib/config/config.ts'
import { guardChild } from '../../support/child-guard.ts'
import { createEmptyDatabase } from '../../support/database.ts'
import { freePorts } from '../../support/ports.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

type Service = {
  build?: { dockerfile: string }
  command: string[]
  environment: Record<string, string>
  image: string
  network_mode?: string
  ports?: string[]
}
const { services } = parse(read('compose.yaml')) as {
  services: Record<'postgres' | 'control-plane' | 'gateway', Service>
}
const server = services['control-plane']

/** Compose reads `$$` as `$`. */
const commandOf = ({ command }: Service) => command.map((word) => word.replaceAll('$$', '$'))

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0

test.runIf(hasCompose)('docker compose accepts compose.yaml', () => {
  const { status, stderr } = spawnSync('docker', ['compose', 'config', '--quiet'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('compose.yaml names settings that exist, and the user and password of its own Postgres', () => {
  expect(Object.keys(server.environment).filter((name) => !(name in Environment.shape))).toEqual([])
  const { POSTGRES_DB, POSTGRES_PASSWORD, POSTGRES_USER } = services.postgres.environment
  expect(server.environment['DATABASE_URL']).toBe(
    `postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@postgres/${POSTGRES_DB}`,
  )
})

test('compose.yaml publishes one port, of the gateway, on this computer only', () => {
  const published = Object.values(services).flatMap(({ ports = [] }) => ports)
  expect(published).toEqual(['127.0.0.1:8080:8081'])
  expect(services.gateway).toMatchObject({ network_mode: 'service:control-plane', image: server.image })
  expect(commandOf(services.gateway).join('\n')).toContain('.listen(8081)')
})

test('the image of compose.yaml copies each file that its commands need', () => {
  const ignored = read(`${server.build?.dockerfile}.dockerignore`).split('\n')
  for (const folder of ['functions', 'lib', 'drizzle', 'commands', 'packages'])
    expect(ignored).not.toContain(folder)
  expect(read(server.build?.dockerfile ?? '')).toMatch(/COPY packages [^]*npm ci[^]*COPY \. \.[^]*USER node/)
})

/** Runs a service's command with other ports, because those of the file may be in use here. */
function run(service: Service, env: Record<string, string>, ports: Record<string, number>) {
  const words = commandOf(service).map((word) =>
    word.replaceAll(/\b808[01]\b/g, (port) => String(ports[port])),
  )
  const [program = '', ...args] = words
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const release = guardChild(child.pid)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      release()
      resolve(code)
    })
  })
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await exited
  })
  return { output: () => output, exited }
}

test('the tutorial works through the gateway without a token, and a secret can be stored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [port = 0, gateway = 0, emulator = 0] = await freePorts(4)
  const ports = { 8080: port, 8081: gateway }
  const own = {
    DATA_DIR: folder,
    PORT: String(port),
    EMULATOR_PORT: String(emulator),
    EMULATOR_BOOT_MS: '20',
  }
  const started = run(server, { DATABASE_URL: await createEmptyDatabase(), ADMIN_TOKEN: '', ...own }, ports)
  run(services.gateway, {}, ports)
  const url = `http://127.0.0.1:${gateway}`
  const lives = async () => (await fetch(`${url}/livez`).catch(() => undefined))?.status
  const died = started.exited.then((code) =>
    expect.fail(`the server ended with ${code}: ${started.output()}`),
  )
  died.catch(() => {})
  await Promise.race([expect.poll(lives, { timeout: 60_000 }).toBe(200), died])

  const headers = { 'content-type': 'application/json', prefer: 'wait=60' }
  const post = async (path: string, body: unknown) =>
    (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json() as Promise<
      Record<string, never>
    >
  const workspace = { name: 'fly-worker', runtime: 'hermes', tier: 2, secrets: { OPENAI_API_KEY: 'a-key' } }
  const { id, status } = await post('/workspaces', workspace)
  expect(status).toBe('ready')
  const parts = [{ kind: 'text', text: 'What region are you running in?' }]
  const answer = await post(`/workspaces/${id}/a2a`, {
    jsonrpc: '2.0',
    id: '1',
    method: 'message/send',
    params: { message: { role: 'user', parts } },
  })
  expect(answer).toMatchObject({ result: { parts: [{ text: 'ord' }] } })
})
